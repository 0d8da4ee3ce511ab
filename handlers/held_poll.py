"""A poll that is held without a coroutine."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from handlers.forms import PollForm
from handlers.http1 import answer
from handlers.node import Node
from handlers.poll_wire import PollWire
from handlers.visit import Visit
from protocol.session import Read

if TYPE_CHECKING:
    from handlers.caller import Caller


class HeldPoll(PollWire):
    """A poll without a coroutine. One that follows a single channel is answered by what the fan-out sends all of them."""

    __slots__ = ("_caller", "_is_woken", "_lines", "until_s")

    def __init__(self, node: Node, transport: str, seen: Visit, caller: Caller, lines: bytes, is_shared: bool):
        super().__init__(node, transport, seen.user, seen.outside.address)
        self._caller = caller
        self._is_woken = True
        self._lines = lines
        self.until_s = 0.0
        if is_shared:
            self.form = PollForm(lines)
            self.link = self

    def begin(self) -> None:
        """From now on it is what its caller waits for."""
        self._caller.wait_for(self)

    def hold(self, for_s: float) -> None:
        """There is nothing yet."""
        self.begin()
        self._is_woken = False
        self.until_s = self._since_s + for_s
        self._caller.expect(for_s)

    def send(self, data: bytes) -> int:
        """What the fan-out calls, with the whole answer; or nothing is taken, where this one has more to say."""
        if self.events:
            return 0
        self.on_closed()
        self._caller.answer(data)
        return len(data)

    def rest(self, data: bytes) -> None:
        raise AssertionError("send takes all, or nothing")

    def wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._look)

    def hasten(self, for_s: float) -> None:
        self.until_s = min(self.until_s, time.monotonic() + for_s)
        self._caller.expect(for_s)

    def expire(self) -> None:
        """It was held for long enough."""
        messages = self.collect_now()
        self.finish([], [] if isinstance(messages, Read) else messages)  # what has to be read, is so by the next request

    def finish(self, first: list[bytes], messages: list[bytes]) -> None:
        data = answer(b"application/json", self.body(first, messages), self._lines)
        self.on_closed()
        self._caller.answer(data)

    def on_closed(self) -> None:
        super().on_closed()
        if self.form is not None:
            del self.link  # which it is itself: it would wait for the garbage collector

    def _look(self) -> None:
        self._is_woken = False
        if self._caller.waits_for(self):
            messages = self.collect_now()
            if isinstance(messages, Read) or messages or self.events:
                self.finish([], [] if isinstance(messages, Read) else messages)
