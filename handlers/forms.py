"""How each kind of wire writes events. What is the same for all wires of a form, is encoded once for all of them."""

import functools
from typing import NamedTuple, Protocol

from handlers.base import encode
from handlers.http1 import answer
from protocol.channel import ChannelLog
from protocol.message import Message, sse_block
from protocol.positions import Position
from protocol.websocket_frames import text_frame

MAX_CURSOR_BYTES = 2048


class Writer(Protocol):
    """Of a stream: what *join* writes moves a position, *control* doesn't."""

    def join(self, log: ChannelLog, messages: list[Message]) -> bytes: ...
    def control(self, payload: bytes) -> bytes: ...


class WebSocketForm(NamedTuple):
    """One text frame an event (RFC 6455 section 5)."""

    deflate_bytes: int = 0
    """Messages of up to so much are compressed (RFC 7692)."""

    def join(self, log: ChannelLog, messages: list[Message]) -> bytes:
        return b"".join([self._frame(message) for message in messages])

    def signal(self, payload: bytes) -> bytes:
        return text_frame(payload)

    control = signal

    def _frame(self, message: Message) -> bytes:
        return message.deflated if len(message.payload) <= self.deflate_bytes else message.websocket


class SseForm(NamedTuple):
    """One block an event (WHATWG HTML section 9.2); with ids, of a connection that follows one channel, and so has the cursor
    that all of that channel's have."""

    is_chunked: bool
    has_ids: bool

    def join(self, log: ChannelLog, messages: list[Message]) -> bytes:
        return self.framed(b"".join([self._block(log.name, log.epoch, message) for message in messages]))

    def signal(self, payload: bytes) -> bytes:
        return self.framed(sse_block(payload))

    control = signal

    def _block(self, channel: str, epoch: str | None, message: Message) -> bytes:
        return sse_block(message.payload, f"{channel}@{epoch}-{message.offset}") if self.has_ids else message.sse

    def framed(self, block: bytes) -> bytes:
        return chunk(block) if self.is_chunked else block


class SseCursor:
    """The writer of one connection that follows several channels: each event that moves a position has the whole cursor as its id."""

    __slots__ = ("_cursor", "_form")

    def __init__(self, is_chunked: bool):
        self._form = SseForm(is_chunked, False)
        self._cursor: dict[str, Position] = {}

    def begin(self, cursor: dict[str, Position]) -> None:
        self._cursor = cursor

    def join(self, log: ChannelLog, messages: list[Message]) -> bytes:
        return self.framed(b"".join([self._block(log, message) for message in messages]))

    def _block(self, log: ChannelLog, message: Message) -> bytes:
        assert log.epoch is not None, "who follows a channel that is let go of is sent away"
        self._cursor[log.name] = Position(log.epoch, message.offset)
        cursor = ",".join(f"{channel}@{position}" for channel, position in self._cursor.items())
        return sse_block(message.payload, cursor if len(cursor) <= MAX_CURSOR_BYTES else "")

    def control(self, payload: bytes) -> bytes:
        return self._form.control(payload)

    def framed(self, block: bytes) -> bytes:
        return self._form.framed(block)


class PollForm(NamedTuple):
    """A whole answer (RFC 9112), of held requests that follow one channel."""

    headers: bytes
    """Those that not every answer has."""

    def join(self, log: ChannelLog, messages: list[Message]) -> bytes:
        body = poll_body([message.payload for message in messages], sub(log.name, f"{log.epoch}-{messages[-1].offset}"))
        return answer(b"application/json", body, self.headers)

    def signal(self, payload: bytes) -> bytes:
        return b""


def poll_body(events: list[bytes], following: str, **more: int) -> bytes:
    return b'{"events":[' + b",".join(events) + b"]," + encode({"next": following, **more})[1:]


@functools.lru_cache(4096)
def sub(channel: str, position: str) -> str:
    """A parameter of the following request: of the characters in it these two alone need an escape (RFC 3986 section 2.2)."""
    return f"sub={channel.replace(':', '%3A')}%40{position}"


def chunk(data: bytes) -> bytes:
    """RFC 9112 section 7.1."""
    return b"%x\r\n%s\r\n" % (len(data), data)
