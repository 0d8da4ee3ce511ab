"""One read for all who ask for the same: those who come while it is under way wait for it, and what it found stays for a moment.

After a restart, or a cut of the network, thousands come back at the same position within a second.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from store.tasks import end

T = TypeVar("T")


class Shared(Generic[T]):
    """*size* says how many bytes a result holds; one that it says None of is not kept."""

    def __init__(self, keep_s: float, max_bytes: int, size: Callable[[T], int | None]):
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._size = size
        self._reading: dict[Hashable, asyncio.Task[T]] = {}
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        """Oldest first."""
        self._size_bytes = 0

    def now(self, key: Hashable) -> T | None:
        """What was found a moment ago."""
        found = self._kept.get(key)
        return found[0] if found is not None else None

    def is_shared(self, key: Hashable) -> bool:
        """True where asking for it makes no read."""
        return key in self._kept or key in self._reading

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What *read* finds, or found a moment ago for another one. Raises what it raises."""
        found = self._kept.get(key)
        if found is not None:
            return found[0]
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.ensure_future(self._read(key, read))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        return await asyncio.shield(task)  # who leaves doesn't end it for the others

    async def close(self) -> None:
        """Gives up what is being read."""
        for task in list(self._reading.values()):
            await end(task)

    async def _read(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        found = await read()
        size = self._size(found)
        if size is not None:
            self._keep(key, found, size)
        return found

    def _keep(self, key: Hashable, found: T, size: int) -> None:
        self._kept[key] = found, size
        self._size_bytes += size
        while self._size_bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))
        asyncio.get_running_loop().call_later(self._keep_s, self._drop, key)

    def _drop(self, key: Hashable) -> None:
        """A key that was dropped for want of room and read again goes a little early."""
        found = self._kept.pop(key, None)
        if found is not None:
            self._size_bytes -= found[1]
