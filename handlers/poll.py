"""GET and POST /v1/long-poll and /v1/short-poll, by Tornado."""

import asyncio
import functools

from handlers.http1 import answer
from handlers.node import Node
from handlers.poll_wire import MESSAGES_BYTES, PollWire, asks_for_hello, check, hold_s, resumed
from handlers.wire import Wire, locate
from negotiation.identity import User
from protocol.session import Read


class AwaitedPoll(PollWire):
    """A poll that a coroutine waits for."""

    __slots__ = ("_woken", "tick")

    def __init__(self, node: Node, transport: str, user: User, address: str):
        super().__init__(node, transport, user, address)
        self._woken = asyncio.Event()
        self.tick = 0

    def wake(self) -> None:
        self._woken.set()

    due = wake

    def hasten(self, for_s: float) -> None:
        self._node.wheel.hasten(self, for_s)

    def on_closed(self) -> None:
        super().on_closed()
        self._node.wheel.unset(self)

    async def collect(self) -> list[bytes]:
        """Messages and states that are there now, also from the log. Raises Unavailable, ProtocolError rate-limited."""
        taken: list[bytes] = []
        size = 0
        while size < MESSAGES_BYTES:
            collected = self.collect_now(size)
            if isinstance(collected, Read):
                if self._node.feed.costs(collected, MESSAGES_BYTES):
                    if taken and self._node.catch_up.wait_s(self.user.id, self.address) > 0:
                        break
                    self._node.catch_up.check(self.user.id, self.address)
                charge = functools.partial(self._node.catch_up.spend, self.user.id, self.address)
                self.attachment.give(collected, await self._node.feed.page(collected, MESSAGES_BYTES, charge))
            elif collected:
                taken += collected
                size += sum(map(len, collected))
            else:
                break
        return taken

    async def wait(self, for_s: float) -> None:
        """Until something is there, or *for_s* seconds are over."""
        self._woken.clear()
        self._node.wheel.set(self, for_s)
        await self._woken.wait()


class Poll(Wire):
    wire: AwaitedPoll | None = None
    gone = False

    async def get(self) -> None:
        asked = self.asked()
        check(asked)
        may_hold_s = hold_s(self.transport, asked, self.node)
        self.wire = wire = AwaitedPoll(self.node, self.transport, self.user, self.outside.address)
        try:
            self.node.locates.take(self.user.id, len(asked.starts))
            located, errors = await locate(self.node, self.user, asked.starts)
            wire.attach(located)
            is_told = asks_for_hello(asked) or bool(errors) or not all(map(resumed, located))
            if is_told:
                wire.greet(errors)
            wire.watch(asked, is_told)
            first, wire.events = wire.events, []
            messages = await wire.collect()
            if not (first or messages or wire.events) and may_hold_s and not self.gone:
                await wire.wait(may_hold_s)
                messages = await wire.collect()
            if not self.gone:
                self._answer(wire.body(first, messages))
        finally:
            wire.on_closed()

    post = get

    def _answer(self, body: bytes) -> None:
        """The next request is one for the front, where there is one: it costs a tenth there."""
        front, request = self.node.front, self.request
        goes_on = request.version == "HTTP/1.1" and request.headers.get("Connection", "keep-alive").lower() == "keep-alive"
        if front is None or request.method == "POST" or not goes_on:
            self.set_header("Content-Type", "application/json")
            self.write(body)
        else:
            address = request.connection.context.address
            front.adopt(self.detach(), address, answer(b"application/json", body, self.lines()))

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.gone = True
        if self.wire is not None:
            self.wire.wake()


class LongPoll(Poll):
    transport = "long-poll"


class ShortPoll(Poll):
    transport = "short-poll"
