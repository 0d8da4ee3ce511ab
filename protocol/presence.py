"""Who is in a channel, over all processes: what each says of its own, merged, and what has changed since it was last told.

It is kept only for channels that somebody looks at. All of it is what others said lately: who says nothing for STALE_S is gone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

import msgspec

STALE_S = 40.0
"""A process that says nothing of a channel for so long is gone, and everybody who was there by it."""
MAX_TOLD = 50
"""Of more, an event tells the number alone."""

_encode = msgspec.json.Encoder().encode


class Said:
    """What one process said of a channel last."""

    __slots__ = ("at_s", "count", "users")

    def __init__(self, users: Mapping[str, str], count: int, at_s: float):
        self.users = users
        self.count = count
        self.at_s = at_s


class Crowd:
    """Who is in one channel."""

    def __init__(self, channel: str, clock: Callable[[], float]):
        self.channel = channel
        self.users: Mapping[str, str] = {}
        """Everybody who is named, by id, as of the last refresh; one who is there twice is there once."""
        self.count = -1
        """How many there are; of processes with too many to name, who is there by several counts for each. -1 before the first."""
        self._clock = clock
        self._said: dict[bytes, Said] = {}

    def say(self, process: bytes, users: Mapping[str, str], count: int) -> None:
        """*users* by id with their names are there by *process*; or *count* of them, who are too many to be named."""
        self._said[process] = Said(users, max(count, len(users)), self._clock())

    def forget(self, process: bytes) -> None:
        """Nobody is there by *process* any more."""
        self._said.pop(process, None)

    def refresh(self) -> bytes | None:
        """Counts anew; the event that tells what has changed, None where nothing has."""
        oldest_s = self._clock() - STALE_S
        self._said = {process: said for process, said in self._said.items() if said.at_s > oldest_s}
        before, before_count = self.users, self.count
        self.users = {id: name for said in self._said.values() for id, name in said.users.items()}
        self.count = len(self.users) + sum(said.count - len(said.users) for said in self._said.values())
        if self.users == before and self.count == before_count:
            return None
        joined = {id: name for id, name in self.users.items() if before.get(id) != name}
        left = {id: name for id, name in before.items() if id not in self.users}
        return self._event(joined, left)

    def whole(self) -> bytes:
        """The event for who has been told nothing yet: everybody is new."""
        return self._event(self.users, {})

    def digest(self) -> int:
        """Of who is there: the same in every process that knows the same."""
        return zlib.crc32(_encode([self.channel, self.count, sorted(self.users.items())]))

    def _event(self, joined: Mapping[str, str], left: Mapping[str, str]) -> bytes:
        if max(self.count, len(joined), len(left)) > MAX_TOLD:
            joined, left = {}, {}
        event = {"type": "presence", "channel": self.channel, "count": self.count, "joined": public(joined), "left": public(left)}
        return _encode(event)


def public(users: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"id": id, "name": name} for id, name in users.items()]
