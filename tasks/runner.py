"""Runs tasks, one asyncio task each; goes on with those whose process has died.

Who runs a job holds a lease on it (store/leases.py). Items are stored before the state says that they are there, and an item
has the same index whoever stores it, so two processes that both believe in the lease do no harm.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter

import msgspec
from pymongo.errors import PyMongoError

from protocol.codes import ProtocolError, Unavailable
from protocol.progress import MAX_RESULT_BYTES, TaskChange
from store.items import BATCH_ITEMS, Items
from store.jobs import Jobs, Made
from store.leases import LEASE_S, Leases
from store.records import Records
from store.tasks import end
from store.uploads import Uploads
from tasks.registry import TASKS, Item, Run, Task, TaskError

FLUSH_EVERY_S = 0.2
"""An item is shown at once if the last one is so long ago; else with those that come meanwhile."""
BATCH_BYTES = 1024 * 1024
LOOK_EVERY_S = 0.5
"""How often a running task learns of a cancel, at least."""
SWEEP_S = 2.0
SWEEP_UPLOADS_S = 3600.0
SIGN_OF_LIFE_S = 10.0
MAX_RUNNING = 64
MAX_OF_USER = 4

logger = logging.getLogger("anywire.tasks")
_encode = msgspec.json.Encoder().encode


class Runner:
    def __init__(self, jobs: Jobs, items: Items, leases: Leases, records: Records, uploads: Uploads):
        self._jobs = jobs
        self._items = items
        self._leases = leases
        self._records = records
        self._uploads = uploads
        self._running: dict[str, asyncio.Task[None]] = {}
        self._of_user: Counter[str] = Counter()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._sweeper = asyncio.ensure_future(self._sweep())

    async def close(self) -> None:
        """Leaves what runs to the next process."""
        for task in [self._sweeper, *self._running.values()]:
            if task is not None:
                await end(task)

    def check_room(self, user: str) -> None:
        """Raises ProtocolError too-many-tasks."""
        if len(self._running) >= MAX_RUNNING or self._of_user[user] >= MAX_OF_USER:
            raise ProtocolError("too-many-tasks", retry_after_s=5)

    def run(self, made: Made) -> None:
        """Begins to work on the job, unless somebody does."""
        if made.id not in self._running:
            self._of_user[made.user["id"]] += 1
            task = self._running[made.id] = asyncio.ensure_future(self._hold(made))
            task.add_done_callback(lambda _: self._done(made))

    def _done(self, made: Made) -> None:
        del self._running[made.id]
        self._of_user -= Counter([made.user["id"]])

    async def _hold(self, made: Made) -> None:
        """Works on the job for as long as the lease is ours and the job runs."""
        if not await self._leases.claim(made.id):
            return
        work = asyncio.ensure_future(self._work(made))
        try:
            await self._watch(made.id, work)
        except (PyMongoError, Unavailable, ProtocolError) as error:
            logger.warning("task %s is left: %s", made.id, error)
        else:
            if made.task is not None and made.task["upload"] and (await self._jobs.get(made.id)).job.is_final:
                await self._uploads.delete(made.task["upload"]["id"])
        finally:
            await end(work)
            with contextlib.suppress(PyMongoError):
                await self._leases.release(made.id)

    async def _watch(self, id: str, work: "asyncio.Task[None]") -> None:
        """Until the work is done, was cancelled, or is somebody else's."""
        renewed_s = told_s = time.monotonic()
        while not work.done():
            await asyncio.wait([work], timeout=LOOK_EVERY_S)
            now_s = time.monotonic()
            if (await self._jobs.get(id)).job.is_final:
                return
            if now_s - renewed_s > LEASE_S / 4:
                renewed_s = now_s
                if not await self._leases.renew(id):
                    return
            if now_s - told_s > SIGN_OF_LIFE_S:
                told_s = now_s
                await self._jobs.update(id, TaskChange())

    async def _work(self, made: Made) -> None:
        assert made.task is not None
        task = TASKS.get(made.task["name"])
        try:
            await self._run(made, task)
        except TaskError as error:
            await self._fail(made.id, error.message, error.code)
        except TimeoutError:
            await self._fail(made.id, "The task took too long.", "timed-out")
        except (Unavailable, PyMongoError) as error:
            logger.warning("task %s is interrupted: %s", made.id, type(error).__name__)
            return  # whoever finds the lease free goes on
        except ProtocolError as error:
            if error.code != "job-ended":
                raise
        except Exception:
            logger.exception("task %s broke down", made.id)
            await self._fail(made.id, "The task broke down; the fault was logged.", "internal")

    async def _run(self, made: Made, task: Task | None) -> None:
        assert made.task is not None
        if task is None:
            raise TaskError("not-found", f"This server has no task {made.task['name']}.")
        stored, failed = await self._items.count(made.id), await self._items.failed(made.id)
        given = msgspec.json.decode(made.task["input"])
        run = Run(made.id, made.user["id"], given, made.task.get("upload"), stored, failed, self._records, self._uploads)
        output = _Output(self._jobs, self._items, run)
        async with asyncio.timeout(task.timeout_s), contextlib.aclosing(task.run(run)) as items, output:
            async for item in items:
                await output.add(item)
        if len(_encode(run.result)) > MAX_RESULT_BYTES:
            raise TaskError("too-large", f"The result takes more than {MAX_RESULT_BYTES} bytes.")
        await self._jobs.update(made.id, TaskChange(state="done", done=output.count, items=output.count, result=run.result))

    async def _fail(self, id: str, message: str, code: str) -> None:
        with contextlib.suppress(ProtocolError):  # it has ended otherwise meanwhile
            await self._jobs.update(id, TaskChange(state="failed", note=message, result={"error": {"code": code, "message": message}}))

    async def _sweep(self) -> None:
        swept_s = float("-inf")
        while True:
            try:
                if time.monotonic() - swept_s > SWEEP_UPLOADS_S:
                    swept_s = time.monotonic()
                    await self._uploads.sweep()
                for id in await self._leases.free():
                    if len(self._running) < MAX_RUNNING:
                        self.run(await self._jobs.made(id))
            except (PyMongoError, Unavailable, ProtocolError) as error:
                logger.info("can't look for interrupted tasks: %s", type(error).__name__)
            except Exception:
                logger.exception("can't look for interrupted tasks")
            await asyncio.sleep(SWEEP_S)


class _Output:
    """Stores what a task yields, in batches, and tells its job."""

    def __init__(self, jobs: Jobs, items: Items, run: Run):
        self._jobs = jobs
        self._items = items
        self._run = run
        self.count = run.skip
        """Items so far; those in the buffer are not stored yet."""
        self._buffer: list[bytes] = []
        self._bytes = 0
        self._failed = 0
        self._flushed_s = float("-inf")
        self._lock = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._timer = asyncio.ensure_future(self._flush_regularly())

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        assert self._timer is not None
        await end(self._timer)
        if error is None:
            await self._flush()

    async def add(self, item: Item) -> None:
        is_ok = item.get("ok", True) is not False
        self._buffer.append(_encode({"type": "item", "index": self.count, "ok": is_ok, **item}))
        self._bytes += len(self._buffer[-1])
        self._failed += not is_ok
        self._run.failed += not is_ok
        self.count += 1
        if len(self._buffer) >= BATCH_ITEMS or self._bytes >= BATCH_BYTES or time.monotonic() - self._flushed_s >= FLUSH_EVERY_S:
            await self._flush()

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            if self._buffer:
                try:
                    await self._flush()
                except (ProtocolError, Unavailable, PyMongoError) as error:
                    logger.info("items of %s wait: %s", self._run.job, type(error).__name__)

    async def _flush(self) -> None:
        async with self._lock:
            self._flushed_s = time.monotonic()
            if not self._buffer:
                return
            buffer, failed = self._buffer, self._failed
            self._buffer, self._failed, self._bytes = [], 0, 0
            first = self.count - len(buffer)
            try:
                await self._items.append(self._run.job, first, buffer, failed)
            except PyMongoError:
                self._buffer, self._failed = buffer + self._buffer, failed + self._failed
                self._bytes = sum(map(len, self._buffer))
                raise
            stored = first + len(buffer)
        total = {} if self._run.total is None else {"total": self._run.total}
        await self._jobs.update(self._run.job, TaskChange(done=stored, items=stored, **total))
