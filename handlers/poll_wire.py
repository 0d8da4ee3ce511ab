"""A wire whose answer ends: long-poll and short-poll. They differ in how long a request without news is held.

The server keeps nothing between two requests; `next` tells the client what to ask.
"""

import asyncio
import logging
from urllib.parse import quote

from handlers.base import encode
from handlers.node import Node, connection_id
from handlers.wire import Located, Wire, goaway, hello, locate, seconds
from negotiation.identity import User
from protocol.codes import ProtocolError
from protocol.message import Message
from protocol.positions import Position
from protocol.session import Attachment, Read, Subscription

MESSAGES_BYTES = 768 * 1024
"""An answer holds 1 MiB at most: this leaves room for the message that goes over it, the signals, and what is around them."""
SIGNALS_EVERY_S = 1.0
"""Signals answer a held poll at most so often."""
SIGNALS_BYTES = 128 * 1024

logger = logging.getLogger("anywire.wire")


class PollWire:
    """One request: it never takes a push, it is woken by one and pulls."""

    def __init__(self, node: Node, transport: str, user: User, address: str, network: str):
        self.transport = transport
        self.user = user
        self.address = address
        self.attachment = Attachment(self, node.hub.epoch)
        self.events: list[bytes] = []
        """What is neither message nor state, in the order in which it came."""
        self._loop = asyncio.get_running_loop()
        self._since_s = self._loop.time()
        self._signals_bytes = 0
        self._woken = asyncio.Event()
        self._node = node
        self._network = network
        node.enter(self)

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        return False

    def wake(self) -> None:
        self._woken.set()

    def leave(self) -> None:
        self.goaway(0)

    def signal(self, payload: bytes) -> None:
        self._signals_bytes += len(payload)
        if self._signals_bytes <= SIGNALS_BYTES:
            self.events.append(payload)
            self._loop.call_at(self._since_s + SIGNALS_EVERY_S, self._woken.set)

    def rename(self, user: User) -> None:
        self.user = user
        self.events.append(self.hello())
        self._woken.set()

    def hello(self) -> bytes:
        return hello(self._node, self.user, self.transport, connection_id(), self._node.settings.heartbeat_s, self._network)

    def goaway(self, retry_ms: int) -> None:
        self.events.append(goaway(retry_ms))
        self._woken.set()

    async def collect(self) -> list[bytes]:
        """Messages and states that are there now, bounded so that the answer is too. Raises Unavailable, ProtocolError rate-limited."""
        taken: list[bytes] = []
        size = 0
        while size < MESSAGES_BYTES:
            pulled = self.attachment.pull(MESSAGES_BYTES - size)
            if isinstance(pulled, Read):
                if taken and self._node.catch_up.wait_s(self.user.id, self.address) > 0:
                    break
                self._node.catch_up.check(self.user.id, self.address)
                page = await self._node.feed.page(pulled, MESSAGES_BYTES - size)
                self._node.catch_up.spend(self.user.id, self.address, sum(len(message.payload) for message in page.messages))
                self.attachment.give(pulled, page)
            elif pulled:
                taken.extend(item.message.payload for item in pulled)
                size += sum(len(item.message.payload) for item in pulled)
            else:
                break
        return taken

    async def wait(self, hold_s: float) -> None:
        """Until something is there, or *hold_s* seconds are over."""
        self._woken.clear()
        try:
            async with asyncio.timeout(hold_s):
                await self._woken.wait()
        except TimeoutError:
            pass

    def next(self) -> str:
        """The parameters of the following request."""
        epoch = self.attachment.epoch  # the log may have begun another life while this was held
        return "&".join(
            f"sub={quote(f'{channel}@{Position(epoch, subscription.offset)}', safe='')}"
            for channel, subscription in self.attachment.subscriptions.items()
        )

    def on_closed(self) -> None:
        self.attachment.close()
        self._node.leave(self)


class Poll(Wire):
    wire: PollWire | None = None
    gone = False

    def hold_s(self, parameters: dict[str, list[str]]) -> float:
        return 0.0

    def extra(self) -> dict[str, int]:
        """What the answer says beside events and next."""
        return {}

    async def get(self) -> None:
        parameters = self.parameters()
        starts = self.subscriptions(parameters)
        hold_s = self.hold_s(parameters)
        wants_hello = parameters.get("hello", ["0"])[-1] == "1"
        if not starts and not wants_hello:
            raise ProtocolError("bad-request", "sub names the channels to follow.", field="sub")
        self.wire = wire = PollWire(self.node, self.transport, self.user, self.outside.address, self.network())
        try:
            self.node.locates.take(self.user.id, len(starts))
            located, errors = await locate(self.node, self.user, starts)
            fresh = [one for one in located if not _resumed(one)]
            for one in located:
                wire.attachment.attach(one.log, one.resolution, announce=one in fresh)
            first = errors
            if wants_hello or fresh or errors:
                first = [wire.hello(), *errors]
                self.node.greeted(self.transport)
            events = await wire.collect()
            if not (first or events or wire.events) and hold_s and not self.gone:
                await wire.wait(hold_s)
                events = await wire.collect()
            if self.gone:
                return
            self.set_header("Content-Type", "application/json")
            body = b",".join([*first, *events, *wire.events])
            tail = encode({"next": wire.next(), **self.extra()})
            self.write(b'{"events":[' + body + b"]," + tail[1:])
        finally:
            wire.on_closed()

    post = get

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.gone = True
        if self.wire is not None:
            self.wire.wake()


class LongPoll(Poll):
    transport = "long-poll"

    def hold_s(self, parameters: dict[str, list[str]]) -> float:
        return min(seconds(parameters, "wait", self.node.settings.hold_s), self.node.settings.hold_s)


class ShortPoll(Poll):
    transport = "short-poll"

    def extra(self) -> dict[str, int]:
        return {"poll": round(self.node.settings.poll_s * 1000 * self.node.load.factor)}


def _resumed(located: Located) -> bool:
    return isinstance(located.start, Position) and located.resolution.recovered
