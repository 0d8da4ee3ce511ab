"""A wire whose answer has no end: WebSocket and SSE. They differ in how an event is written.

Who is live gets the shared bytes of a message at once. Who isn't, is caught up by one coroutine, the pump, which lives
only while there is something to catch up with; a socket that is full makes its client fall behind, and so back to the pump.
"""

import asyncio
import contextlib
import logging
import random
import socket
import sys
from collections.abc import Awaitable, Callable

from tornado.iostream import IOStream, StreamClosedError

from handlers.node import Node, connection_id
from handlers.wire import PING, Located, error_event, goaway, hello
from negotiation.identity import User
from protocol.codes import Refusal, Unavailable
from protocol.frames import Ref
from protocol.message import Message
from protocol.session import Attachment, Item, Read, Subscription

PAGE_BYTES = 64 * 1024
"""What is written to one socket at a time while it catches up, and so what a slow reader holds of our memory."""
UNREAD_S = 60.0
"""A peer that takes nothing for so long is gone (RFC 5482, TCP user timeout)."""
MAX_CLIENT_BYTES = 2 * 1024 * 1024
"""What a client may send without our reading it; beyond it the connection is cut. Well above server.MAX_HEADER_BYTES: up to so
much Tornado goes on reading ahead after the handshake (it keeps the limit of the last read), and a busy client isn't to be cut."""
UNREAD_BYTES = 256 * 1024
"""Of answers that a client asks for and doesn't read: with more of it, nothing further is taken from it."""

logger = logging.getLogger("anywire.wire")


class StreamWire:
    """*encode_item* writes an event that moves a position, *encode_control* one that doesn't; *shared* is set where all
    of a channel's subscribers get the same bytes for a message."""

    def __init__(
        self,
        node: Node,
        transport: str,
        stream: IOStream,
        user: User,
        address: str,
        network: str,
        heartbeat_s: float,
        *,
        encode_item: Callable[[Item], bytes],
        encode_control: Callable[[bytes], bytes],
        shared: Callable[[Message], bytes] | None,
    ):
        self.transport = transport
        self.user = user
        self.address = address
        self.id = connection_id()
        self.attachment = Attachment(self, node.hub.epoch)
        self.closed = False
        self.end: Callable[[], None] = stream.close
        """Ends the connection, in the way of its protocol."""
        self._node = node
        self._stream = stream
        self._network = network
        self._heartbeat_s = heartbeat_s
        self._encode_item = encode_item
        self._encode_control = encode_control
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._since_s = self._sent_s = self._loop.time()
        self._unread_bytes = 0
        self._pumping: asyncio.Task[None] | None = None
        self._beat = self._loop.call_later(heartbeat_s, self._heartbeat)
        self._reason = "the client left"
        node.enter(self)
        node.greeted(transport)
        logger.info("%s %s came", transport, self.id)
        stream.max_buffer_size = MAX_CLIENT_BYTES
        _notice_dead_peers(stream.socket)

    # what the attachment asks for

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        if self._stream.closed() or self._stream.writing():
            return False  # closed() is true some time before on_closed() is called
        if self._shared is not None:
            self._send(b"".join([self._shared(message) for message in messages]))
        else:
            self._send(b"".join([self._encode_item(Item(subscription, message)) for message in messages]))
        return True

    def wake(self) -> None:
        if self._pumping is None and not self._stream.closed():
            self._pumping = self._loop.create_task(self._pump())

    def leave(self) -> None:
        self.goaway(random.randint(0, 1000))

    def signal(self, payload: bytes) -> None:
        if not self._stream.closed() and not self._stream.writing():
            self._send(self._encode_control(payload))

    # what the node asks for

    def rename(self, user: User) -> None:
        self.user = user
        self.greet()

    def goaway(self, retry_ms: int) -> None:
        self._reason = "sent away"
        if not self._stream.closed():
            self.control(goaway(retry_ms))
            self._loop.call_later(0.5, self.end)  # the client closes by itself; this is for one that doesn't

    # what the handler asks for

    def greet(self) -> None:
        self.control(hello(self._node, self.user, self.transport, self.id, self._heartbeat_s, self._network))

    def control(self, payload: bytes) -> None:
        """Sends an event that answers this client: it isn't dropped. Who reads commands from it heeds `is_clogged`."""
        if not self._stream.closed():
            data = self._encode_control(payload)
            self._unread_bytes = len(data) + (self._unread_bytes if self._stream.writing() else 0)
            self._send(data)

    @property
    def is_clogged(self) -> bool:
        """True where the client has asked for more than it reads."""
        return self._unread_bytes > UNREAD_BYTES and self._stream.writing()

    async def until_read(self) -> None:
        """Until everything written so far has left, or the connection is closed."""
        with contextlib.suppress(StreamClosedError):
            await self._stream.write(b"")

    def refuse(self, error: Refusal, *, channel: str | None = None, ref: Ref = None, id: str | None = None) -> None:
        """Answers what can't be done."""
        self._node.metrics.refused.labels(error.code).inc()
        self.control(error_event(error, channel=channel, ref=ref, id=id))

    def attach(self, located: Located) -> None:
        self.attachment.attach(located.log, located.resolution)

    def on_closed(self) -> None:
        """Frees everything at once."""
        if self.closed:
            return
        self.closed = True
        self.attachment.close()
        self._beat.cancel()
        if self._pumping is not None:
            self._pumping.cancel()
        self._node.leave(self)
        logger.info("%s %s left after %.1f s: %s", self.transport, self.id, self._loop.time() - self._since_s, self._reason)

    async def _pump(self) -> None:
        try:
            while True:
                pulled = self.attachment.pull(PAGE_BYTES)
                if isinstance(pulled, Read):
                    await self._turn()
                    page = await self._node.feed.page(pulled, PAGE_BYTES)
                    self._node.catch_up.spend(self.user.id, self.address, sum(len(message.payload) for message in page.messages))
                    self.attachment.give(pulled, page)
                elif pulled:
                    await self._send(b"".join([self._encode_item(item) for item in pulled]))
                else:
                    return
        except StreamClosedError:
            pass  # on_closed follows
        except Unavailable as error:
            self._reason = "the log was away"
            self.goaway(round((error.retry_after_s or 1) * 1000))
        except Exception:  # noqa: BLE001 - a wire that is live but never moves would be the worst
            logger.exception("%s %s can't be caught up", self.transport, self.id)
            self.goaway(1000)
        finally:
            self._pumping = None

    async def _turn(self) -> None:
        """Waits until this user's budget for reading the log allows another page."""
        while (wait_s := self._node.catch_up.wait_s(self.user.id, self.address)) > 0:
            await asyncio.sleep(wait_s)

    def _send(self, data: bytes) -> Awaitable[None]:
        self._sent_s = self._loop.time()
        return self._stream.write(data)

    def _heartbeat(self) -> None:
        if self._stream.closed():
            return  # on_closed() is on its way
        silent_s = self._loop.time() - self._sent_s
        if silent_s >= self._heartbeat_s - 0.001:
            if not self._stream.writing():  # a full socket carries enough that is unread
                self._send(self._encode_control(PING))
            silent_s = 0.0
        self._beat = self._loop.call_later(self._heartbeat_s - silent_s, self._heartbeat)


def _notice_dead_peers(sock: socket.socket | None) -> None:
    if sock is None:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNREAD_S * 1000))
