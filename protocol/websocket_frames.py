"""RFC 6455 without I/O, as a server speaks it: its side of the handshake, and frames, unmasked and never fragmented."""

import base64
import hashlib
import re

from protocol.deflate import deflate

NO_CODE = 1005
"""What a close frame without a code stands for (section 7.4.1)."""
MAX_CONTROL_BYTES = 125
"""Section 5.5."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
"""16 bytes in base64."""
_TEXT, _COMPRESSED_TEXT, _BINARY, _CLOSE, _PING, _PONG = b"\x81", b"\xc1", b"\x82", b"\x88", b"\x89", b"\x8a"
"""How a frame begins."""


def check_key(key: str) -> bool:
    """Whether *key* may be the value of Sec-WebSocket-Key (section 4.2.1)."""
    return _KEY.fullmatch(key) is not None


def accept(key: str) -> str:
    """The value of Sec-WebSocket-Accept that answers *key* (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()).decode("ascii")


def text_frame(payload: bytes) -> bytes:
    """A text message; *payload* is UTF-8 (section 5.6)."""
    return _frame(_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    return _frame(_BINARY, payload)


def deflated_frame(payload: bytes) -> bytes:
    """A text message, compressed (RFC 7692 section 7.2.1); as it is where that isn't longer.

    Only for connections that agreed to permessage-deflate, and whose `max_deflated_bytes` isn't exceeded. Any of them may get it.
    """
    compressed = deflate(payload)
    return _frame(_COMPRESSED_TEXT, compressed) if len(compressed) < len(payload) else text_frame(payload)


def ping_frame(data: bytes = b"") -> bytes:
    """ValueError: *data* has more than 125 bytes."""
    return _control(_PING, data)


def pong_frame(data: bytes) -> bytes:
    """Answers a ping with *data* (section 5.5.3). ValueError: it has more than 125 bytes."""
    return _control(_PONG, data)


def close_frame(code: int) -> bytes:
    """A close frame (section 5.5.1); 1005 stands for one without a code."""
    return _control(_CLOSE, b"" if code == NO_CODE else code.to_bytes(2, "big"))


def _control(first: bytes, data: bytes) -> bytes:
    if len(data) > MAX_CONTROL_BYTES:
        raise ValueError(f"a control frame of {len(data)} bytes")
    return _frame(first, data)


def _frame(first: bytes, payload: bytes) -> bytes:
    """Section 5.2, with the length in its shortest form."""
    size = len(payload)
    if size < 126:
        return first + size.to_bytes(1, "big") + payload
    if size < 65536:
        return first + b"\x7e" + size.to_bytes(2, "big") + payload
    return first + b"\x7f" + size.to_bytes(8, "big") + payload
