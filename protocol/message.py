"""One event of a channel's log, encoded once and shared by every subscriber."""

from collections.abc import Iterable
from typing import Any

import msgspec

from protocol.positions import Position
from protocol.websocket_frames import deflated_frame, text_frame

_encode = msgspec.json.Encoder().encode


class Message:
    """A kept event: its offset and the JSON object that every client is sent, as bytes.

    The forms for the wires are made on first use, once for all of a channel's subscribers.
    """

    __slots__ = ("_deflated", "_sse", "_websocket", "is_state", "offset", "payload")

    def __init__(self, offset: int, payload: bytes, is_state: bool = False):
        self.offset = offset
        self.payload = payload
        self.is_state = is_state
        """True where the next one replaces it, for who hasn't got it yet."""
        self._websocket: bytes | None = None
        self._deflated: bytes | None = None
        self._sse: bytes | None = None

    @property
    def websocket(self) -> bytes:
        """One unmasked text frame, RFC 6455 section 5.2."""
        if self._websocket is None:
            self._websocket = text_frame(self.payload)
        return self._websocket

    @property
    def deflated(self) -> bytes:
        """One compressed text frame, RFC 7692; as it is where that isn't longer."""
        if self._deflated is None:
            self._deflated = deflated_frame(self.payload)
        return self._deflated

    @property
    def sse(self) -> bytes:
        """One block without id, WHATWG HTML section 9.2.5. The payload has no raw newline: it was encoded compactly."""
        if self._sse is None:
            self._sse = sse_block(self.payload)
        return self._sse

    def __repr__(self) -> str:
        return f"Message({self.offset})"


def encode_message(kind: str, channel: str, position: Position, *, id: str, time: int, user: Any, data: bytes) -> Message:
    """*kind* is "message" or "state"; *time* in ms since 1970 UTC; *data* is compact JSON, put in as it is.

    *kind*, *channel* and *position* are of forms that need no escape in JSON.
    """
    return encode_messages(kind, channel, position, time, [(id, user, data)])[0]


def encode_messages(kind: str, channel: str, first: Position, time: int, contents: Iterable[tuple[str, Any, bytes]]) -> list[Message]:
    """Messages of one channel with consecutive offsets from *first*; *contents* are id, user and data of each.

    As `encode_message`. Joined by hand, and what they have in common made once: it is done for every message, and takes half
    as long as an encoder.
    """
    is_state = kind == "state"
    start = b'{"type":"%s","channel":"%s","offset":' % (kind.encode(), channel.encode())
    position = b',"position":"%s-' % first.epoch.encode()
    common = b',"time":%d,"user":' % time
    messages = []
    for offset, (id, user, data) in enumerate(contents, first.offset):
        number = b"%d" % offset
        parts = (start, number, position, number, b'","id":', _encode(id), common, _encode(user), b',"data":', data, b"}")
        messages.append(Message(offset, b"".join(parts), is_state))
    return messages


def sse_block(payload: bytes, event_id: str = "") -> bytes:
    """One event of an event stream: *payload* on one data line, after an id line where *event_id* is given."""
    if event_id:
        return b"id: " + event_id.encode("ascii") + b"\ndata: " + payload + b"\n\n"
    return b"data: " + payload + b"\n\n"
