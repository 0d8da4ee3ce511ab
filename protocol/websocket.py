"""RFC 6455 without I/O, as a server hears it: bytes of a client in, events out.

Strict: what the RFC forbids is a Fault at the first byte that shows it, and nothing is read after it.
Between two calls a Receiver keeps what is left of an unfinished frame's header or control frame (fewer than 140 bytes), and
the payload of a message under way (at most max_bytes); an idle one keeps nothing.
"""

import codecs
from typing import NamedTuple

from protocol.deflate import inflate
from protocol.websocket_frames import MAX_CONTROL_BYTES, NO_CODE

PROTOCOL_ERROR = 1002
INVALID_DATA = 1007
TOO_BIG = 1009
"""Section 7.4.1."""

_CONTINUATION, _TEXT, _CLOSE, _PING = 0, 1, 8, 9
_FIN, _COMPRESSED, _MASKED = 0x80, 0x40, 0x80
_WHOLE_TEXT = _FIN | _TEXT
_FIRST_BYTES = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A})
"""How a frame may begin: no reserved bit, no unknown opcode, no fragment of a control frame."""
_FIRST_BYTES_DEFLATE = _FIRST_BYTES | {0x41, 0x42, 0xC1, 0xC2}
"""RFC 7692 section 6: the first frame of a message says that it is compressed."""


class Text(NamedTuple):
    """A whole message."""

    data: str


class Binary(NamedTuple):
    data: bytes


class Ping(NamedTuple):
    """To be answered by pong_frame(data)."""

    data: bytes


class Pong(NamedTuple):
    data: bytes


class Close(NamedTuple):
    """The peer's close frame, 1005 where it named no code; to be answered by close_frame(code)."""

    code: int


class Fault(NamedTuple):
    """The peer broke the protocol: close_frame(code) is to be sent. The reason is for a log."""

    code: int
    reason: str


Event = Text | Binary | Ping | Pong | Close | Fault


class _Broken(Exception):
    """A fault, on its way out of Receiver."""

    def __init__(self, code: int, reason: str):
        self.fault = Fault(code, reason)


class Receiver:
    """What comes from one client: feed() takes bytes, however they were split; next() gives the events in their order."""

    __slots__ = ("_at", "_first_bytes", "_is_over", "_max_bytes", "_message", "_pending")

    def __init__(self, max_bytes: int, *, deflate: bool = False):
        """No message may be longer than *max_bytes*, neither on the wire nor unpacked; with *deflate* it may be compressed."""
        self._max_bytes = max_bytes
        self._first_bytes = _FIRST_BYTES_DEFLATE if deflate else _FIRST_BYTES
        self._pending: bytes | bytearray = b""
        self._at = 0
        """Where the unread part of _pending begins."""
        self._message: _Message | None = None
        self._is_over = False

    def feed(self, data: bytes) -> None:
        """Takes what was read, of any length; after a Close or a Fault it is dropped."""
        if self._is_over:
            return
        if not self._pending:
            self._pending = data
            return
        if not isinstance(self._pending, bytearray):
            self._pending = bytearray(self._pending)
        del self._pending[: self._at]
        self._at = 0
        self._pending += data

    def next(self) -> Event | None:
        """The next event, None where more bytes are needed. After a Close or a Fault always None."""
        if not self._pending:
            return None
        try:
            event = self._next()
        except _Broken as broken:
            event = broken.fault
        if event is None:
            # What is left is short: the payload of a data frame is never left, however little of it came.
            self._pending = bytes(self._pending[self._at :]) if self._at < len(self._pending) else b""
            self._at = 0
        elif type(event) is Close or type(event) is Fault:
            self._is_over = True
            self._pending, self._at, self._message = b"", 0, None
        return event

    def _next(self) -> Event | None:
        while True:
            message = self._message
            if message is not None and message.missing:
                if not self._read_payload(message):
                    return None
            else:
                pending, at = self._pending, self._at
                if len(pending) < at + 2:
                    return None
                first, second = pending[at], pending[at + 1]
                self._check(first, second)
                length, at = second & 0x7F, at + 6
                if length > MAX_CONTROL_BYTES:
                    at += 2 if length == 126 else 8
                    if len(pending) < at - 4:
                        return None
                    length = self._long_length(length, pending[self._at + 2 : at - 4])
                end, opcode = at + length, first & 0x0F
                if opcode >= _CLOSE:
                    if len(pending) < end:
                        return None
                    self._at = end
                    return _control(opcode, _unmask(pending[at:end], pending[at - 4 : at]))
                if length + (len(message.payload) if message is not None else 0) > self._max_bytes:
                    raise _Broken(TOO_BIG, "a message over the limit")
                if first == _WHOLE_TEXT and len(pending) >= end:  # nearly every frame, without a detour
                    self._at = end
                    return _text(_unmask(pending[at:end], pending[at - 4 : at]))
                if len(pending) < at:
                    return None
                if message is None:
                    message = self._message = _Message(opcode == _TEXT, bool(first & _COMPRESSED))
                message.begin_frame(first & _FIN != 0, length, pending[at - 4 : at])
                self._at = at
                if length and not self._read_payload(message):
                    return None
            if message.is_last_frame:
                self._message = None
                return message.whole(self._max_bytes)

    def _check(self, first: int, second: int) -> None:
        """All that the first two bytes of a frame show (section 5.2)."""
        if first not in self._first_bytes:
            raise _Broken(PROTOCOL_ERROR, f"a frame that begins with {first:#04x}")
        if not second & _MASKED:
            raise _Broken(PROTOCOL_ERROR, "a frame without mask")  # section 5.1
        opcode = first & 0x0F
        if opcode >= _CLOSE:
            if second & 0x7F > MAX_CONTROL_BYTES:
                raise _Broken(PROTOCOL_ERROR, "a long control frame")
        elif (opcode == _CONTINUATION) != (self._message is not None):
            raise _Broken(PROTOCOL_ERROR, "a continuation of nothing" if opcode == _CONTINUATION else "a message within another")

    def _long_length(self, form: int, digits: bytes | bytearray) -> int:
        length = int.from_bytes(digits, "big")
        if length < (126 if form == 126 else 0x10000) or length >> 63:
            raise _Broken(PROTOCOL_ERROR, "a length that is not in its shortest form, or negative")
        return length

    def _read_payload(self, message: "_Message") -> bool:
        """Takes of the frame under way what is there; True at its end."""
        at = self._at
        self._at = min(at + message.missing, len(self._pending))
        if at < self._at:
            message.add(self._pending[at : self._at])
        return message.missing == 0


class _Message:
    """A message of which a part is there: of several frames, or of one that hasn't come as a whole."""

    __slots__ = ("_is_compressed", "_is_text", "_mask", "_valid", "is_last_frame", "missing", "payload")

    def __init__(self, is_text: bool, is_compressed: bool):
        self._is_text = is_text
        self._is_compressed = is_compressed
        self.payload = bytearray()
        self._valid = 0
        """Up to where the payload is known to be UTF-8."""
        self.begin_frame(False, 0, b"")

    def begin_frame(self, is_last: bool, length: int, mask: bytes | bytearray) -> None:
        self.is_last_frame = is_last
        self.missing = length
        self._mask = mask

    def add(self, masked: bytes | bytearray) -> None:
        """Takes a part of the frame's payload, and checks what can be checked: no client goes on for long with invalid text."""
        self.payload += _unmask(masked, self._mask)
        self.missing -= len(masked)
        turn = len(masked) % 4
        self._mask = self._mask[turn:] + self._mask[:turn]
        if self._is_text and not self._is_compressed:
            try:
                self._valid += codecs.utf_8_decode(self.payload[self._valid :], "strict", False)[1]
            except UnicodeDecodeError as error:
                raise _Broken(INVALID_DATA, "text that is not UTF-8") from error

    def whole(self, max_bytes: int) -> Event:
        """The message, at the end of its last frame."""
        payload = bytes(self.payload)
        if self._is_compressed:
            try:
                inflated = inflate(payload, max_bytes)
            except ValueError as error:
                raise _Broken(INVALID_DATA, f"a compressed message that is {error}") from error
            if inflated is None:
                raise _Broken(TOO_BIG, "a compressed message over the limit")
            payload = inflated
        return _text(payload) if self._is_text else Binary(payload)


def _unmask(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Section 5.3. As two large numbers, which Python combines at once; *mask* begins at the first byte of *payload*."""
    size = len(payload)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


def _text(payload: bytes) -> Text:
    try:
        return Text(payload.decode())
    except UnicodeDecodeError as error:
        raise _Broken(INVALID_DATA, "text that is not UTF-8") from error


def _control(opcode: int, payload: bytes) -> Event:
    if opcode == _CLOSE:
        return _close(payload)
    return Ping(payload) if opcode == _PING else Pong(payload)


def _close(payload: bytes) -> Close:
    """Section 5.5.1: nothing, or a code and a reason."""
    if not payload:
        return Close(NO_CODE)
    code = int.from_bytes(payload[:2], "big")
    if not _may_be_sent(code):  # nor can a single byte be one that may
        raise _Broken(PROTOCOL_ERROR, "a close code that may not be sent")
    _text(payload[2:])
    return Close(code)


def _may_be_sent(code: int) -> bool:
    """Section 7.4: the codes that are registered for close frames, and those for applications."""
    return (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999
