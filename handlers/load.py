"""How busy this process is: what its event loop is late by."""

import asyncio

EVERY_S = 0.5
LATE_S = 0.05
"""A loop that is late by so much has about as much to do as it can."""
MAX_FACTOR = 5.0
SMOOTHING = 0.3


class Load:
    def __init__(self) -> None:
        self.lag_s = 0.0
        """By how much a timer comes too late, smoothed."""
        self._last_s = self._before_s = 0.0

    def start(self) -> asyncio.TimerHandle:
        """Begins to measure, on the running loop."""
        loop = asyncio.get_running_loop()
        return loop.call_later(EVERY_S, self._tick, loop, loop.time() + EVERY_S)

    @property
    def factor(self) -> float:
        """1 at rest, up to 5: what polling clients are asked to multiply their interval by."""
        return min(MAX_FACTOR, max(1.0, self.lag_s / LATE_S))

    @property
    def late_s(self) -> float:
        """By how much the loop is late again and again: one stall alone, of the machine or at the start, is over when it is seen."""
        return min(self._last_s, self._before_s)

    def _tick(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        self._last_s, self._before_s = max(0.0, loop.time() - due_s), self._last_s
        self.lag_s += SMOOTHING * (self._last_s - self.lag_s)
        loop.call_later(EVERY_S, self._tick, loop, loop.time() + EVERY_S)
