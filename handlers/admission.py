"""Who is let in when more come than can be served: those who will wait for long are told at once when to come back.

A storm is harmless as long as whoever comes is served before he tries again. So newcomers are served in the order in which they
came, in slices, between which the loop does its other work; and as soon as one would wait for longer than clients do, all who
come are refused, which costs a tenth of serving them. They are told to come back spread over the time that serving them takes.
What is measured is time to wait, so there is nothing to set for a slower or a quicker machine, and who waits for nothing is never
refused.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from protocol.codes import Unavailable

PATIENCE_S = 4.0
"""Our client gives a wire at least ten seconds, but after two it begins another one beside it, so not much longer. 5,000 who come at
once are served by one core in less."""
SLICE_S = 0.01
"""Of serving newcomers, in one turn of the loop."""
SPREAD_S = (2.0, 10.0)
"""Who is refused is told so much more than there is to wait, at random: the least, and the most, which is where clients by
themselves stop to double theirs."""
EACH_S = 0.0005
"""What a newcomer takes, until many have come at once."""
SMOOTHING = 0.1
STALL = 4
"""A slice that took so many times what was to be expected was interrupted by something else, and counts as no more."""


class Newcomer(Protocol):
    """A request that opens a wire."""

    def serve(self) -> None:
        """Called once, in its turn, also where it has left meanwhile. Doesn't raise."""


class Admission:
    def __init__(self, *others_s: Callable[[], float], clock: Callable[[], float] = time.monotonic):
        """*others_s* say how long whoever comes has to wait for something else: for the loop, for the log."""
        self.patience_s = PATIENCE_S
        self._others_s = others_s
        self._clock = clock
        self._waiting: deque[Newcomer] = deque()
        self._is_due = False
        self._last: tuple[float, int] | None = None
        """When the last slice began, and how many were served in it, where some were left."""
        self._each_s = EACH_S
        """What a newcomer takes, with all that the loop does meanwhile, smoothed."""
        self._refused_until_s = 0.0
        """So long would those take who were refused, if they were served one after the other."""

    @property
    def wait_s(self) -> float:
        """How long the next one would wait."""
        return len(self._waiting) * self._each_s + self._elsewhere_s()

    def take(self, newcomer: Newcomer) -> None:
        """It will be served in its turn. Raises Unavailable overloaded where that is too late."""
        self._check(self.wait_s)
        self._waiting.append(newcomer)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def check(self) -> None:
        """For who can't take a turn here. Raises Unavailable overloaded."""
        self._check(self._elsewhere_s())

    def _elsewhere_s(self) -> float:
        return sum([wait_s() for wait_s in self._others_s])

    def _check(self, wait_s: float) -> None:
        if wait_s > self.patience_s:
            now_s = self._clock()
            self._refused_until_s = max(now_s, self._refused_until_s) + self._each_s
            least_s, most_s = SPREAD_S
            spread_s = min(most_s, max(least_s, self._refused_until_s - now_s))
            raise Unavailable(code="overloaded", retry_after_s=min(wait_s, most_s) + random.uniform(0, spread_s))

    def _turn(self) -> None:
        """A slice."""
        began_s = now_s = self._clock()
        self._measure(began_s)
        served = 0
        while self._waiting and now_s - began_s < SLICE_S:
            self._waiting.popleft().serve()
            served += 1
            now_s = self._clock()
        self._is_due = bool(self._waiting)
        self._last = (began_s, served) if self._is_due else None
        if self._is_due:
            asyncio.get_running_loop().call_soon(self._turn)

    def _measure(self, now_s: float) -> None:
        if self._last is not None:
            began_s, served = self._last
            each_s = min((now_s - began_s) / served, STALL * self._each_s)
            self._each_s += SMOOTHING * (each_s - self._each_s)
