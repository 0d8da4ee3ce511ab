"""A wire whose answer has no end: WebSocket and SSE. They differ in how an event is written, and in what they do with what comes.

Who is live is sent what is new by the fan-out. Who isn't, is caught up by the pump, a page at a time, each when the one before
has left; a socket that is full makes its client fall behind, and so back to the pump.
"""

import asyncio
import functools
import logging
import random
import time
from collections.abc import Collection

from handlers.forms import Writer
from handlers.link import Link
from handlers.node import Node, connection_id
from handlers.wire import PING, Located, error_event, goaway, hello
from negotiation.identity import User
from protocol.codes import Refusal, Unavailable
from protocol.fanout import Form
from protocol.frames import Ref
from protocol.message import Message
from protocol.session import Attachment, Batch, Read
from protocol.subscription import Subscription

PAGE_BYTES = 64 * 1024
"""What is written to one socket at a time while it catches up, and so what a slow reader holds of our memory."""
UNREAD_BYTES = 256 * 1024
"""Of answers that a client asks for and doesn't read: with more of it, nothing further is taken from it."""
LEAVE_S = 0.5
"""For a client to close by itself once it was sent away."""

logger = logging.getLogger("anywire.wire")


class StreamWire:
    """*form* is what it shares with others, and *writer* writes what it doesn't."""

    __slots__ = (
        *("_heartbeat_s", "_is_pumping", "_node", "_reading", "_reason", "_sent_s", "_since_s", "_unread_bytes"),
        *("address", "attachment", "form", "id", "is_closed", "link", "shows_presence", "tick", "transport", "user", "writer"),
    )

    def __init__(
        self,
        node: Node,
        transport: str,
        link: Link,
        user: User,
        address: str,
        heartbeat_s: float,
        writer: Writer,
        form: Form | None,
    ):
        self.transport = transport
        self.user = user
        self.address = address
        self.id = connection_id()
        self.attachment = Attachment(self, node.hub.epoch)
        self.is_closed = False
        self.form = form
        self.link = link
        self.writer = writer
        self.shows_presence = False
        """True where its client asked for presence, of all channels that it follows."""
        self.tick = 0
        self._node = node
        self._heartbeat_s = heartbeat_s
        self._since_s = self._sent_s = time.monotonic()
        self._unread_bytes = 0
        self._is_pumping = False
        self._reading: asyncio.Task[None] | None = None
        self._reason = "the client left"
        node.wheel.set(self, heartbeat_s)
        node.enter(self)
        node.greeted(transport)

    # what the attachment asks for

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        if self.link.is_writing or self.link.is_closed:
            return False
        self._send(self.writer.join(subscription.log, messages))
        return True

    def wake(self) -> None:
        if not self._is_pumping and not self.is_closed:
            self._is_pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def leave(self) -> None:
        self.goaway(random.randint(0, 1000))

    def signal(self, payload: bytes) -> None:
        if not self.is_closed and not self.link.is_writing:
            self._send(self.writer.control(payload))

    # what the node asks for

    def rename(self, user: User) -> None:
        self.user = user
        self.control(self.hello())

    def goaway(self, retry_ms: int) -> None:
        self._reason = "sent away"
        self._send_away(goaway(retry_ms))

    def dismiss(self) -> None:
        self._reason = "dismissed"
        self._send_away(goaway(0, reconnect=False))

    def _send_away(self, event: bytes) -> None:
        if not self.is_closed:
            self.control(event)
            asyncio.get_running_loop().call_later(LEAVE_S, self.end)

    # what the handler asks for

    def begin(self, head: bytes, located: Collection[Located] = ()) -> None:
        """What comes first, in one piece: *head*, `hello`, and what is there of channels that could be located at once."""
        self._is_pumping = True
        self._attach(located)
        pulled = self._pull()
        joined = [] if isinstance(pulled, Read) else self._node.joined.of(self.writer, self.form, pulled)
        self._send(b"".join([head, self.first(), *joined]))
        self._is_pumping = self.attachment.wants_wire
        if self._is_pumping and not self.link.is_writing:
            asyncio.get_running_loop().call_soon(self._pump)
        self._watch(located)

    def first(self) -> bytes:
        return self.writer.control(self.hello())

    def hello(self) -> bytes:
        return hello(self._node, self.user, self.transport, self.id, self._heartbeat_s, self.address)

    def end(self) -> None:
        """Ends the connection, in the way of its protocol."""
        self.link.close()

    def control(self, payload: bytes) -> None:
        """Sends an event that answers this client: it isn't dropped. Who reads commands from it heeds `is_clogged`."""
        if not self.is_closed:
            data = self.writer.control(payload)
            self._unread_bytes = len(data) + (self._unread_bytes if self.link.is_writing else 0)
            self._send(data)

    @property
    def is_clogged(self) -> bool:
        """True where the client has asked for more than it reads."""
        return self._unread_bytes > UNREAD_BYTES and self.link.is_writing

    def refuse(self, error: Refusal, *, channel: str | None = None, ref: Ref = None, id: str | None = None) -> None:
        """Answers what can't be done."""
        self._node.metrics.refused.labels(error.code).inc()
        self.control(error_event(error, channel=channel, ref=ref, id=id))

    def attach(self, located: Collection[Located]) -> None:
        self._attach(located)
        self._watch(located)

    def detach(self, channel: str) -> None:
        self.attachment.detach(channel)
        self._node.presence.unwatch(self, [channel])

    def _attach(self, located: Collection[Located]) -> None:
        for one in () if self.is_closed else located:
            self.attachment.attach(one.log, one.resolution)

    def _watch(self, located: Collection[Located]) -> None:
        if self.shows_presence and not self.is_closed:
            self._node.presence.watch(self, [one.log.name for one in located])

    # what the link and the wheel tell

    def drained(self) -> None:
        if self._is_pumping and self._reading is None:
            self._pump()

    def silence(self) -> None:
        """Says nothing more, and frees everything but the connection."""
        self.is_closed = True
        if self.shows_presence:
            self._node.presence.unwatch(self, self.attachment.subscriptions)
        self.attachment.close()
        self._node.wheel.unset(self)
        if self._reading is not None:
            self._reading.cancel()

    def closed(self) -> None:
        """Frees everything at once."""
        self.silence()
        self._node.leave(self)
        since_s = time.monotonic() - self._since_s
        logger.debug("%s %s left after %.1f s: %s", self.transport, self.id, since_s, self._reason)

    def due(self) -> None:
        """It may be time for a sign of life."""
        now_s = time.monotonic()
        told_s = [s.log.told_s for s in self.attachment.subscriptions.values() if s.is_live]
        silent_s = now_s - max(self._sent_s, *told_s, 0.0)
        if silent_s >= self._heartbeat_s:
            if not self.link.is_writing:  # a full socket carries enough that is unread
                self._send(self.writer.control(PING))
            silent_s = 0.0
        self._node.wheel.set(self, self._heartbeat_s - silent_s)

    def _send(self, data: bytes) -> None:
        self._sent_s = time.monotonic()
        self.link.write(data)

    # catching up

    def _pump(self) -> None:
        """One page, or the end of catching up."""
        if self.is_closed or self.link.is_writing or self._reading is not None:
            return  # drained() goes on, or what is read does
        try:
            pulled = self._pull()
            if isinstance(pulled, Read):
                self._reading = asyncio.get_running_loop().create_task(self._read(pulled))
            elif pulled:
                self._send(b"".join(self._node.joined.of(self.writer, self.form, pulled)))
                if not self.link.is_writing:
                    asyncio.get_running_loop().call_soon(self._pump)
            else:
                self._is_pumping = False
        except Exception:  # noqa: BLE001 - a wire that is live but never moves would be the worst
            self._give_up()

    def _pull(self) -> list[Batch] | Read:
        """What is next, also of what was read for another one a moment ago."""
        pulled = self.attachment.pull(PAGE_BYTES)
        while isinstance(pulled, Read) and (page := self._node.feed.page_now(pulled, PAGE_BYTES)) is not None:
            self.attachment.give(pulled, page)
            pulled = self.attachment.pull(PAGE_BYTES)
        return pulled

    async def _read(self, read: Read) -> None:
        try:
            feed, budget = self._node.feed, self._node.catch_up
            while feed.costs(read, PAGE_BYTES) and (wait_s := budget.wait_s(self.user.id, self.address)) > 0:
                await asyncio.sleep(wait_s)  # until this user's budget for reading the log allows another page
            page = await feed.page(read, PAGE_BYTES, functools.partial(budget.spend, self.user.id, self.address))
            self.attachment.give(read, page)
            self._reading = None
            self._pump()
        except Unavailable as error:
            self._reason = "the log was away"
            self.goaway(round((error.retry_after_s or 1) * 1000))
        except Exception:  # noqa: BLE001 - as in the pump
            self._give_up()

    def _give_up(self) -> None:
        logger.exception("%s %s can't be caught up", self.transport, self.id)
        self.goaway(1000)
