"""Trimming the log: old chunks go, a channel's head stays.

A chunk goes when everything in it is beyond the channel's count, or too old; never the last one by count, and never one
younger than ten minutes, since a writer may still believe in a head that old (see writer.CONFIRMED_S). The floor is raised
first, by a majority, and only then are chunks deleted: a reader in between finds a gap that it can explain.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from pymongo.errors import PyMongoError

from store.chunks import chunk_range
from store.drivers import settle
from store.reader import Reader
from store.tasks import end
from store.writer import Writer

MINIMUM_AGE_S = 600.0
EVERY_S = 60.0
SWEEP_S = 3600.0
"""How often all channels are looked at, for what has become too old in silence."""
DAY_MS = 86_400_000

logger = logging.getLogger("anywire.retention")


class Retention:
    def __init__(
        self,
        database: Any,
        reader: Reader,
        writer: Writer,
        *,
        keep_messages: int,
        keep_days: float,
        minimum_age_s: float = MINIMUM_AGE_S,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ):
        self._log = database.log
        self._channels = database.channels
        self._meta = database.meta
        self._reader = reader
        self._writer = writer
        self._keep_messages = keep_messages
        self._keep_days = keep_days
        self._minimum_age_s = minimum_age_s
        self._wall_ms = wall_ms
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def trim(self, channel: str) -> int:
        """Trims one channel; returns how many messages went. Raises PyMongoError."""
        epoch = self._reader.epoch
        now = self._wall_ms()
        young = now - int(self._minimum_age_s * 1000)
        expired = min(now - int(self._keep_days * DAY_MS), young)
        bounds = await self._reader.bounds(channel)
        kept = 1 if (await self._reader.tail(channel)).is_state else self._keep_messages
        by_count = bounds.head - kept
        newest: dict[str, Any] | None = None
        cursor = self._reader.log.find(chunk_range(channel, epoch, -1), {"n": 1, "t": 1}, sort=[("_id", 1)])
        try:
            async for chunk in cursor:
                last = chunk["_id"]["o"] + chunk["n"] - 1
                beyond = last <= by_count and chunk["t"] < young
                if not beyond and chunk["t"] >= expired:
                    break
                newest = chunk
        finally:
            await cursor.close()
        if newest is None:
            return 0
        floor = newest["_id"]["o"] + newest["n"] - 1
        same = {"$eq": ["$e", epoch]}  # what an earlier life of the log left behind says nothing of this one
        left = {name: {"$cond": [same, {"$max": [f"${name}", value]}, value]} for name, value in (("floor", floor), ("head", bounds.head))}
        await self._channels.update_one({"_id": channel}, [{"$set": {"e": epoch, **left}}], upsert=True)
        deleted = await self._log.delete_many(chunk_range(channel, epoch, -1, newest["_id"]["o"] + 1))
        logger.info("trimmed %s up to %d: %d chunks", channel, floor, deleted.deleted_count)
        return floor - bounds.floor

    async def sweep(self) -> None:
        """Trims every channel, and what is too old of earlier lives of the log. Raises PyMongoError."""
        expired = self._wall_ms() - int(self._keep_days * DAY_MS)
        await self._sweep_earlier_lives(expired)
        cursor = await settle(self._log.aggregate([{"$group": {"_id": "$_id.c"}}], allowDiskUse=True))
        async for group in cursor:
            await self.trim(group["_id"])

    async def _sweep_earlier_lives(self, expired: int) -> None:
        ours, old = self._reader.epoch, {"t": {"$lt": expired}}
        others = [epoch for epoch in await self._log.distinct("_id.e", old) if epoch != ours]
        # Only now: a restore changes `meta` before it stores a chunk, so none of these is a later life than ours. That one's
        # chunks would go without a tombstone, and with them how far their channels had come.
        meta = await self._meta.find_one({"_id": "anywire"}, {"epoch": 1})
        if others and meta is not None and meta["epoch"] == ours:
            await self._log.delete_many({"_id.e": {"$in": others}, **old})

    async def _run(self) -> None:
        swept_s = float("-inf")
        while True:
            try:
                if time.monotonic() - swept_s > SWEEP_S:
                    swept_s = time.monotonic()
                    await self.sweep()
                while self._writer.trimmable:
                    await self.trim(self._writer.trimmable.pop())
            except PyMongoError as error:
                logger.warning("trimming failed, trying again later: %s", type(error).__name__)
            except Exception:  # noqa: BLE001 - one channel that can't be trimmed must not keep all others from it
                logger.exception("trimming failed")
            await asyncio.sleep(EVERY_S)
