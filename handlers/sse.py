"""Server-sent events (WHATWG HTML section 9.2): one response that never ends."""

import asyncio
import random

from tornado.iostream import StreamClosedError

from handlers.asked import Asked, heartbeat_s, shows_presence
from handlers.forms import SseCursor, SseForm
from handlers.link import Link
from handlers.node import Node
from handlers.stream_link import link_of
from handlers.stream_wire import StreamWire
from handlers.wire import PING, Located, Wire, locate, retry_ms
from negotiation.identity import User
from protocol.codes import ProtocolError, Unavailable
from protocol.message import sse_block
from protocol.positions import Position

PROOF_S = 0.02
"""A ping of its own so soon after the first block shows up boxes that hold one event back."""
RETRY_MS = (1000, 3000)
"""When a browser's own EventSource comes again, spread so that a restart isn't a stampede."""
MAX_CLIENT_BYTES = 2 * 1024 * 1024
"""What a client may send behind its request before it is cut."""
HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def check(asked: Asked) -> None:
    """Raises ProtocolError."""
    if not asked.starts:
        raise ProtocolError("bad-request", "sub names the channels to follow.", field="sub")


class SseWire(StreamWire):
    __slots__ = ("_received_bytes",)

    def __init__(self, node: Node, link: Link, user: User, address: str, asked: Asked, *, is_chunked: bool):
        """Raises ProtocolError."""
        beat_s = heartbeat_s(asked.parameters, node)
        has_ids = asked.parameters.get("ids", ["1"])[-1] != "0"
        if has_ids and len(asked.starts) > 1:
            super().__init__(node, "sse", link, user, address, beat_s, SseCursor(is_chunked), None)
        else:
            form = SseForm(is_chunked, has_ids)
            super().__init__(node, "sse", link, user, address, beat_s, form, form)
        self.shows_presence = shows_presence(asked)
        self._received_bytes = 0
        link.owner = self

    def start(self, asked: Asked, located: list[Located] | None, head: bytes = b"") -> None:
        """Says what comes first, behind *head*, and begins to follow; *located* where that is known at once."""
        loop = asyncio.get_running_loop()
        if located is not None:
            self._know(located)
            self.begin(head, located)
            loop.call_later(PROOF_S, self.control, PING)
        else:
            self.begin(head)
            loop.create_task(self._follow(asked, loop.time() + PROOF_S))

    def first(self) -> bytes:
        return self.writer.framed(b"retry: %d\n" % random.randint(*RETRY_MS) + sse_block(self.hello()))

    def received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        if self._received_bytes > MAX_CLIENT_BYTES:
            self.link.close()

    def _know(self, located: list[Located]) -> None:
        if isinstance(self.writer, SseCursor):
            self.writer.begin({one.log.name: Position(self.attachment.epoch, one.resolution.offset) for one in located})

    async def _follow(self, asked: Asked, proof_s: float) -> None:
        try:
            located, errors = await locate(self._node, self.user, asked.starts)
        except Unavailable as error:
            self.refuse(error)
            self.goaway(retry_ms(error))
            return
        if self.is_closed:
            return
        for error in errors:
            self.control(error)
        self._know(located)
        self.attach(located)
        asyncio.get_running_loop().call_at(proof_s, self.control, PING)  # behind every `subscribed`, however long the log took


class Sse(Wire):
    transport = "sse"

    async def get(self) -> None:
        asked = self.asked()
        check(asked)
        heartbeat_s(asked.parameters, self.node)
        self.node.locates.take(self.user.id, len(asked.starts))
        for name, value in HEADERS.items():
            self.set_header(name, value)
        is_chunked = self.request.version == "HTTP/1.1"
        if self.request.version == "HTTP/1.0":
            self.request.headers.pop("Connection", None)  # such an answer ends with its connection, whatever was asked
        try:
            await self.flush()
        except StreamClosedError:
            return  # who asked has left before there was anything to tell
        wire = SseWire(self.node, link_of(self.detach(), self.node), self.user, self.outside.address, asked, is_chunked=is_chunked)
        wire.start(asked, None)

    post = get
