"""What a task yields, on its way to everybody who follows it: stored in batches, then counted by its job's state."""

import asyncio
import itertools
import logging
import time

import msgspec
from pymongo.errors import PyMongoError

from protocol.codes import ProtocolError, Unavailable
from protocol.progress import TaskChange
from store.items import BATCH_ITEMS, Items
from store.jobs import Jobs
from store.tasks import end
from tasks.registry import Item, Run, TaskError, Yielded

FLUSH_EVERY_S = 0.2
"""An item is shown at once if the last one is so long ago; else with those that come meanwhile."""
BATCH_BYTES = 1024 * 1024
MAX_ITEM_BYTES = 64 * 1024

logger = logging.getLogger("anywire.tasks")
_encode = msgspec.json.Encoder().encode


class Output:
    """Use it as a context; leaving it stores what came, also when the task has failed, but not when it goes on elsewhere."""

    def __init__(self, jobs: Jobs, items: Items, run: Run):
        self._jobs = jobs
        self._items = items
        self._run = run
        self.count = run.skip
        """Items so far; those in the buffer are not stored yet."""
        self._buffer: list[tuple[bytes, bool]] = []
        """Each with whether it was ok."""
        self._bytes = 0
        self._flushed_s = float("-inf")
        self._told_total = run.total
        self._lock = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._timer = asyncio.ensure_future(self._flush_regularly())

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        assert self._timer is not None
        await end(self._timer)
        if kind is None or issubclass(kind, Exception) and not issubclass(kind, PyMongoError | Unavailable | ProtocolError):
            await self._flush()

    async def add(self, some: Yielded) -> None:
        """Raises TaskError where one is too large, and what storing them raises."""
        for item in [some] if isinstance(some, dict) else some:
            self._take(item)
        if len(self._buffer) >= BATCH_ITEMS or self._bytes >= BATCH_BYTES or time.monotonic() - self._flushed_s >= FLUSH_EVERY_S:
            await self._flush()

    def _take(self, item: Item) -> None:
        is_ok = item.get("ok", True) is not False
        head = {"type": "item", "index": self.count, "ok": is_ok}
        encoded = _encode({**head, **item, **head})
        if len(encoded) > MAX_ITEM_BYTES:
            raise TaskError("too-large", f"Item {self.count} takes more than {MAX_ITEM_BYTES} bytes.")
        self._buffer.append((encoded, is_ok))
        self._bytes += len(encoded)
        self._run.failed += not is_ok
        self.count += 1

    @property
    def total(self) -> dict[str, int]:
        return {} if self._run.total is None else {"total": self._run.total}

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            try:
                await self._flush()
            except (ProtocolError, Unavailable, PyMongoError) as error:
                logger.info("items of %s wait: %s", self._run.job, type(error).__name__)

    async def _flush(self) -> None:
        async with self._lock:
            self._flushed_s = time.monotonic()
            if not self._buffer and self._told_total == self._run.total:
                return
            count = self.count
            while self.count - len(self._buffer) < count:
                await self._store()
            self._told_total = self._run.total
            stored = self.count - len(self._buffer)
            shown = await self._jobs.update(self._run.job, TaskChange(done=stored, items=stored, **self.total))
            if shown.job.is_final:
                raise ProtocolError("job-ended")

    async def _store(self) -> None:
        """A document full of what waits; where it is tried again, of no less."""
        first = self.count - len(self._buffer)
        sizes = itertools.accumulate(len(encoded) for encoded, _ in self._buffer[:BATCH_ITEMS])
        fit = max(1, sum(size <= BATCH_BYTES for size in sizes))
        some, self._buffer = self._buffer[:fit], self._buffer[fit:]
        try:
            await self._items.append(self._run.job, first, [encoded for encoded, _ in some], sum(not is_ok for _, is_ok in some))
        except BaseException:  # then they may be there all the same; they come again, with what follows them
            self._buffer = some + self._buffer
            raise
        finally:
            self._bytes = sum(len(encoded) for encoded, _ in self._buffer)
