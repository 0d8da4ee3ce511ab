"""Server-sent events (WHATWG HTML section 9.2): one response that never ends."""

import asyncio
import random

from tornado.iostream import StreamClosedError

from handlers.stream_wire import StreamWire
from handlers.wire import PING, Located, Wire, heartbeat_s, locate, retry_ms
from protocol.codes import ProtocolError, Unavailable
from protocol.message import sse_block
from protocol.positions import Position, Start
from protocol.session import Item

PROOF_S = 0.02
"""A ping of its own so soon after the first block shows up boxes that hold one event back."""
MAX_CURSOR_BYTES = 2048
RETRY_MS = (1000, 3000)
"""When a browser's own EventSource comes again, spread so that a restart isn't a stampede."""


class Sse(Wire):
    transport = "sse"

    async def get(self) -> None:
        parameters = self.parameters()
        starts = self.subscriptions(parameters)
        if not starts:
            raise ProtocolError("bad-request", "sub names the channels to follow.", field="sub")
        beat_s = heartbeat_s(parameters, self.node)
        self.node.locates.take(self.user.id, len(starts))
        events = _Events(self.node.hub.epoch, ids=parameters.get("ids", ["1"])[-1] != "0", chunked=self.request.version == "HTTP/1.1")

        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        if self.request.version == "HTTP/1.0":
            self.request.headers.pop("Connection", None)  # such an answer ends with its connection, whatever was asked
        try:
            await self.flush()
        except StreamClosedError:
            return  # who asked has left before there was anything to tell
        network = self.network()
        stream = self.detach()
        wire = StreamWire(
            self.node,
            self.transport,
            stream,
            self.user,
            self.outside.address,
            network,
            beat_s,
            encode_item=events.item,
            encode_control=events.control,
            shared=events.shared,
        )
        stream.set_close_callback(wire.on_closed)
        events.first = b"retry: %d\n" % random.randint(*RETRY_MS)
        wire.greet()
        loop = asyncio.get_running_loop()
        proof_s = loop.time() + PROOF_S
        await self._attach(wire, events, starts)
        loop.call_at(proof_s, wire.control, PING)  # behind every `subscribed`, however long the log took

    post = get

    async def _attach(self, wire: StreamWire, events: "_Events", starts: dict[str, Start]) -> None:
        try:
            located, errors = await locate(self.node, self.user, starts)
        except Unavailable as error:
            wire.refuse(error)
            wire.goaway(retry_ms(error))
            return
        if wire.closed:
            return
        for error in errors:
            wire.control(error)
        events.begin(located)
        for one in located:
            wire.attach(one)


class _Events:
    """Writes the blocks of one connection, each that moves a position with the cursor as its id."""

    def __init__(self, epoch: str, *, ids: bool, chunked: bool):
        self._epoch = epoch
        self._ids = ids
        self._chunked = chunked
        self._cursor: dict[str, int] = {}
        self.first = b""
        """Goes before the first block, once."""

    @property
    def shared(self):
        if self._ids:
            return None
        return (lambda message: _chunk(message.sse)) if self._chunked else (lambda message: message.sse)

    def begin(self, located: list[Located]) -> None:
        self._cursor = {one.log.name: one.resolution.offset for one in located}

    def item(self, item: Item) -> bytes:
        if not self._ids:
            return self._framed(item.message.sse)
        self._cursor[item.subscription.channel] = item.message.offset
        cursor = ",".join(f"{channel}@{Position(self._epoch, offset)}" for channel, offset in self._cursor.items())
        return self._framed(sse_block(item.message.payload, cursor if len(cursor) <= MAX_CURSOR_BYTES else ""))

    def control(self, payload: bytes) -> bytes:
        first, self.first = self.first, b""
        return self._framed(first + sse_block(payload))

    def _framed(self, block: bytes) -> bytes:
        return _chunk(block) if self._chunked else block


def _chunk(data: bytes) -> bytes:
    """RFC 9112 section 7.1."""
    return b"%x\r\n%s\r\n" % (len(data), data)
