"""One timer for all connections: what is due in the same tick is looked at together.

A timer of the loop's own for each connection would be the larger part of what an idle one costs.
"""

import asyncio
import logging
import time
from typing import Protocol

logger = logging.getLogger("anywire.wheel")

TICK_S = 0.05
SLICE = 200
"""What is done in one turn of the loop: some 4 ms. After a fan-out all who got it are due at the same time."""


class Due(Protocol):
    tick: int

    def due(self) -> None: ...


class Wheel:
    def __init__(self) -> None:
        self._ticks: dict[int, dict[Due, None]] = {}
        self._now = 0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, thing: Due, after_s: float) -> None:
        """Calls `thing.due()` in *after_s* seconds, up to a tick later; in place of what was set for it before."""
        loop = asyncio.get_running_loop()
        self.unset(thing)
        thing.tick = int((time.monotonic() + after_s) / TICK_S) + 1
        self._ticks.setdefault(thing.tick, {})[thing] = None
        if self._timer is None:
            self._now = int(time.monotonic() / TICK_S)
            self._timer = loop.call_later(TICK_S, self._turn, loop)

    def hasten(self, thing: Due, after_s: float) -> None:
        """As `set`, unless it is due before that."""
        is_set = thing in self._ticks.get(thing.tick, ())
        if not is_set or thing.tick * TICK_S > time.monotonic() + after_s:
            self.set(thing, after_s)

    def unset(self, thing: Due) -> None:
        waiting = self._ticks.get(thing.tick)
        if waiting is not None:
            waiting.pop(thing, None)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now, left = int(time.monotonic() / TICK_S), SLICE
        while self._now < now:
            waiting = self._ticks.get(self._now + 1, {})
            while waiting:
                if not left:
                    loop.call_soon(self._turn, loop)
                    return
                left -= 1
                thing, _ = waiting.popitem()
                try:
                    thing.due()
                except Exception:  # noqa: BLE001 - a fault with one must not be one with all
                    logger.exception("what was due failed")
            self._now += 1
            self._ticks.pop(self._now, None)
        self._timer = loop.call_later(TICK_S, self._turn, loop) if self._ticks else None
