"""Token buckets: so much a second for each key, with a burst. A key that has been idle long enough to be full takes no memory."""

import time
from collections.abc import Callable

from protocol.codes import ProtocolError

BURST_S = 10.0
"""Seconds' worth that may be read at once."""
USERS_AN_ADDRESS = 8
REPORT_EVERY_S = 60.0
"""A page reports once; more often than this it is a page that somebody loads again and again, or somebody who makes them up."""
REPORTS_A_NETWORK = 60
"""In that time. Many share a network, and any visitor can be as many users as it likes."""


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


class CatchUp:
    """What may be read from the log for those who come late, in bytes: so much for a user, and more for an address, which many share."""

    def __init__(self, bytes_per_s: float):
        self._users = Buckets(bytes_per_s, BURST_S * bytes_per_s)
        self._addresses = Buckets(USERS_AN_ADDRESS * bytes_per_s, BURST_S * USERS_AN_ADDRESS * bytes_per_s)

    def wait_s(self, user: str, address: str) -> float:
        """Seconds until there may be another read."""
        return max(self._users.wait_s(user), self._addresses.wait_s(address))

    def check(self, user: str, address: str) -> None:
        """Raises ProtocolError rate-limited unless there may be a read now."""
        wait_s = self.wait_s(user, address)
        if wait_s > 0:
            raise ProtocolError("rate-limited", "Too much was read from the log at once.", retry_after_s=wait_s)

    def spend(self, user: str, address: str, read_bytes: int) -> None:
        self._users.spend(user, read_bytes)
        self._addresses.spend(address, read_bytes)


class Reports:
    """Whose reports count: one of a user in a minute, and a bounded number of a network, so that nobody makes up what the operator sees."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._users = Buckets(1 / REPORT_EVERY_S, 1, clock)
        self._networks = Buckets(REPORTS_A_NETWORK / REPORT_EVERY_S, REPORTS_A_NETWORK, clock)

    def count(self, user: str, network: str) -> bool:
        """True where this one counts, which is used up by it."""
        try:
            self._users.take(user)
            self._networks.take(network)
        except ProtocolError:
            return False
        return True
