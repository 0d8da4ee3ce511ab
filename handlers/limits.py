"""Token buckets: so much a second for each key, with a burst. A key that has been idle long enough to be full takes no memory."""

import time
from collections.abc import Callable

from protocol.codes import ProtocolError


class Buckets:
    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic):
        """*rate* tokens a second, at most *burst* at once; a rate of 0 sets no limit."""
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._sweep_s = clock()

    def wait_s(self, key: str) -> float:
        """Seconds until *key* is out of debt."""
        if not self._rate or key not in self._buckets:
            return 0.0
        return max(0.0, -self._level(key) / self._rate)

    def take(self, key: str, tokens: float = 1.0) -> None:
        """Raises ProtocolError rate-limited where there are too few, and takes none."""
        if not self._rate:
            return
        level = self._level(key)
        if level < tokens:
            raise ProtocolError("rate-limited", retry_after_s=(tokens - level) / self._rate)
        self._set(key, level - tokens)

    def spend(self, key: str, tokens: float) -> None:
        """Takes them in any case; the level may become a debt."""
        if self._rate:
            self._set(key, self._level(key) - tokens)

    def _level(self, key: str) -> float:
        entry = self._buckets.get(key)
        if entry is None:
            return self._burst
        level, since_s = entry
        return min(self._burst, level + (self._clock() - since_s) * self._rate)

    def _set(self, key: str, level: float) -> None:
        now_s = self._clock()
        self._buckets[key] = (level, now_s)
        if now_s - self._sweep_s > max(1.0, self._burst / self._rate):
            self._sweep_s = now_s
            self._buckets = {k: v for k, v in self._buckets.items() if v[0] + (now_s - v[1]) * self._rate < self._burst}
