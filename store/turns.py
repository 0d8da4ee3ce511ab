"""Reads of the log take turns: so many at once, the others wait in order, however many ask.

Without it thousands of reads would begin together, share what MongoDB can do, and all be late; each of them would be given up
after its time limit, and asked for again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

AT_ONCE = 16
"""Fewer keep MongoDB busy on two cores; each may hold a chunk of 1 MB in memory."""
SMOOTHING = 0.1
WAIT_S = 10.0
"""Who had no turn by then gets none: MongoDB is away, rather than busy."""


class Turns:
    def __init__(self, at_once: int = AT_ONCE):
        self._at_once = at_once
        self._free = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._each_s = 0.0
        """How long a turn takes, smoothed."""

    @property
    def wait_s(self) -> float:
        """How long the next one will have to wait, as things are."""
        return self._waiting * self._each_s / self._at_once

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn, which lasts for the block. Who has one must not ask for another. Raises TimeoutError."""
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._free.acquire()
        finally:
            self._waiting -= 1
        began_s = time.monotonic()
        try:
            yield
        finally:
            self._free.release()
            self._each_s += SMOOTHING * (time.monotonic() - began_s - self._each_s)
