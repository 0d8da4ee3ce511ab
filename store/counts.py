"""What is counted for the operator, kept as one document a day (UTC): how often a transport was used, why another wasn't.

Counting itself is an addition in memory; every few seconds what has come together is written by one update a day, so ten
thousand reports at once cost as little as one. A process that is killed loses the last seconds' counts, and an update
whose answer was lost on its way counts twice: these are figures to judge by, not accounts.
"""

import asyncio
import contextlib
import functools
import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from pymongo.errors import PyMongoError

EVERY_S = 3.0
DAY_MS = 86_400_000
KEEP_DAYS = 400
"""A year, and some weeks to compare with the year before; a day takes some 2 KB."""

logger = logging.getLogger("anywire.counts")


class Counts:
    def __init__(self, database: Any, *, every_s: float = EVERY_S, wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000):
        self._counts = database.counts
        self._every_s = every_s
        self._wall_ms = wall_ms
        self._waiting: Counter[tuple[str, str]] = Counter()
        """By day and field, and so never more than there are names, however long MongoDB is away."""
        self._writing = asyncio.Lock()
        self._closing = asyncio.Event()
        self._swept = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Writes what is left, if MongoDB lets us."""
        self._closing.set()
        if self._task is not None:
            await self._task

    def day(self, ago: int = 0) -> str:
        """Today, or the day so many days *ago*, as in 2026-11-27."""
        return _date(self._wall_ms() // DAY_MS - ago)

    def add(self, *names: str) -> None:
        """One more of that: add("verdicts", "sse", "buffered"). Only names from our own tables, which hold no dots."""
        self._waiting[self.day(), ".".join(names)] += 1

    async def since(self, day: str) -> list[dict[str, Any]]:
        """The days from *day* on for which there are counts, oldest first, with everything counted by now: `_id` is the day, each
        name a number or an object of further names. Raises PyMongoError."""
        await asyncio.shield(self.flush())  # who gives up waiting takes back no write that MongoDB may still do
        return await self._counts.find({"_id": {"$gte": day}}, sort=[("_id", 1)]).to_list(None)

    async def flush(self) -> None:
        """Writes what has come together. Raises PyMongoError; then it is kept for the next time."""
        async with self._writing:
            taken, self._waiting = self._waiting, Counter()
            try:
                for day in sorted({day for day, _ in taken}):
                    added = {field: count for (of, field), count in taken.items() if of == day}
                    await self._counts.update_one({"_id": day}, {"$inc": added}, upsert=True)
                    for field in added:
                        del taken[day, field]
            finally:
                self._waiting.update(taken)

    async def sweep(self) -> None:
        """Drops the days that are too old. Raises PyMongoError."""
        await self._counts.delete_many({"_id": {"$lt": self.day(KEEP_DAYS)}})

    async def _run(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._closing.wait()
            try:
                await self.flush()
                if self._swept != self.day():
                    await self.sweep()
                    self._swept = self.day()
            except PyMongoError as error:
                logger.warning("counts can't be written, trying again later: %s", type(error).__name__)


@functools.lru_cache(2)
def _date(days: int) -> str:
    """The day so many *days* after 1970-01-01."""
    return (date(1970, 1, 1) + timedelta(days)).isoformat()
