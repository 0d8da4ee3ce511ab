"""Runs tasks, one asyncio task each; goes on with those whose process has died.

Who runs a job holds a lease on it (store/leases.py). Items are stored before the state says that they are there, and an item
has the same index whoever stores it, so two processes that both believe in the lease do no harm.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterator

import msgspec
from pymongo.errors import PyMongoError

from protocol.codes import ProtocolError, Unavailable
from protocol.progress import MAX_RESULT_BYTES, TaskChange
from store.items import Items
from store.jobs import Jobs, Made
from store.leases import LEASE_S, Leases
from store.records import Records
from store.tasks import end
from store.uploads import Uploads
from tasks.output import Output
from tasks.registry import TASKS, Run, TaskError

LOOK_EVERY_S = 0.5
"""How often a running task learns of a cancel, at least."""
SWEEP_S = 1.0
SWEEP_UPLOADS_S = 3600.0
SIGN_OF_LIFE_S = 10.0
CLOSE_S = 2.0
"""For giving the leases back, so that the next process goes on at once."""
MAX_RUNNING = 64
MAX_OF_USER = 4
MAX_CLAIMS = 25
"""A job that was begun so often and has not ended brings down who works on it."""
ENDING_S = 1.0
"""For a task to end by itself once its job has: what it is about to store is told, too."""
LEFT_WITHIN_S = 3.0
"""Whoever works on a job that was cancelled has left by then, unless the database is away."""
LEFT_EVERY_S = 0.05
PAGE_ITEMS = 1000
PAGE_BYTES = 1024 * 1024

logger = logging.getLogger("anywire.tasks")
_encode = msgspec.json.Encoder().encode


class _Item(msgspec.Struct):
    index: int


class Runner:
    def __init__(self, jobs: Jobs, items: Items, leases: Leases, records: Records, uploads: Uploads):
        self._jobs = jobs
        self._items = items
        self._leases = leases
        self._records = records
        self._uploads = uploads
        self._held: dict[str, asyncio.Task[None]] = {}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._coming: Counter[str] = Counter()
        """Requests that are about to run a job."""
        self._of_user: Counter[str] = Counter()
        """What runs, and what is about to."""
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._sweeper = asyncio.ensure_future(self._sweep())

    async def close(self) -> None:
        """Leaves what runs to the next process."""
        if self._sweeper is not None:
            await end(self._sweeper)
        await asyncio.gather(*map(end, self._work.values()))
        if self._held:
            await asyncio.wait(self._held.values(), timeout=CLOSE_S)
        await asyncio.gather(*map(end, self._held.values()))

    @contextlib.contextmanager
    def room(self, user: str, job: str) -> Iterator[None]:
        """Keeps one place for *job*, however often it is asked for, until it runs. Raises ProtocolError too-many-tasks."""
        if job not in self._coming:
            if job not in self._held and (self._of_user.total() >= MAX_RUNNING or self._of_user[user] >= MAX_OF_USER):
                raise ProtocolError("too-many-tasks", retry_after_s=5)
            self._of_user[user] += 1
        self._coming[job] += 1
        try:
            yield
        finally:
            self._coming -= Counter([job])
            if job not in self._coming:
                self._of_user -= Counter([user])

    def run(self, made: Made) -> None:
        """Begins to work on the job, unless somebody does."""
        if made.id not in self._held:
            self._of_user[made.user["id"]] += 1
            self._held[made.id] = asyncio.ensure_future(self._hold(made))
            self._held[made.id].add_done_callback(lambda _: self._done(made))

    async def left(self, id: str) -> None:
        """Returns once nobody works on the job, here or elsewhere, or when that takes too long. Raises Unavailable."""
        until_s = time.monotonic() + LEFT_WITHIN_S
        try:
            while await self._leases.is_held(id) and time.monotonic() < until_s:
                await asyncio.sleep(LEFT_EVERY_S)
        except PyMongoError as error:
            raise Unavailable() from error

    def _done(self, made: Made) -> None:
        del self._held[made.id]
        self._of_user -= Counter([made.user["id"]])

    async def _hold(self, made: Made) -> None:
        """Works on the job for as long as the lease is ours and the job runs."""
        try:
            claims = await self._leases.claim(made.id)
        except PyMongoError as error:
            logger.info("task %s waits: %s", made.id, type(error).__name__)
            return
        if not claims:
            return
        work = self._work[made.id] = asyncio.ensure_future(self._do(made, claims))
        try:
            await self._watch(made.id, work)
        except (PyMongoError, Unavailable, ProtocolError) as error:
            logger.warning("task %s is left: %s", made.id, type(error).__name__)
        finally:
            await end(work)
            del self._work[made.id]
            await self._leave(made)

    async def _watch(self, id: str, work: "asyncio.Task[None]") -> None:
        """Until the work is done, was cancelled, or is somebody else's."""
        renewed_s = told_s = time.monotonic()
        while not work.done():
            await asyncio.wait([work], timeout=LOOK_EVERY_S)
            now_s = time.monotonic()
            if work.done():
                return
            if (await self._jobs.get(id)).job.is_final:
                await asyncio.wait([work], timeout=ENDING_S)
                return
            if now_s - renewed_s > LEASE_S / 4:
                renewed_s = now_s
                if not await self._leases.renew(id):
                    logger.warning("task %s is somebody else's by now", id)
                    return
            if now_s - told_s > min(SIGN_OF_LIFE_S, self._jobs.stalled_s / 3):
                told_s = now_s
                await self._jobs.update(id, TaskChange())

    async def _leave(self, made: Made) -> None:
        """Best effort: a lease ends by itself, and what is uploaded is swept."""
        assert made.task is not None
        try:
            if made.task["upload"] and (await self._jobs.get(made.id)).job.is_final:
                await self._uploads.delete(made.task["upload"]["id"])
            await self._leases.release(made.id)
        except (PyMongoError, Unavailable, ProtocolError) as error:
            logger.info("task %s leaves something behind: %s", made.id, type(error).__name__)

    async def _do(self, made: Made, claims: int) -> None:
        try:
            if claims > MAX_CLAIMS:
                raise TaskError("interrupted", f"The task was interrupted {MAX_CLAIMS} times.")
            await self._run(made)
        except TaskError as error:
            await self._fail(made.id, error.message, error.code)
        except TimeoutError:
            await self._fail(made.id, "The task took too long.", "timed-out")
        except (Unavailable, PyMongoError) as error:
            logger.warning("task %s is interrupted: %s", made.id, type(error).__name__)  # whoever finds the lease free goes on
        except Exception as error:  # noqa: BLE001 - a task's fault ends that task alone
            if isinstance(error, ProtocolError) and error.code == "job-ended":
                return  # it was cancelled
            logger.exception("task %s broke down", made.id)
            await self._fail(made.id, "The task broke down; the fault was logged.", "internal")

    async def _run(self, made: Made) -> None:
        assert made.task is not None
        if (await self._jobs.get(made.id)).job.is_final:
            return  # before anybody held the lease, so nobody waits for what would be brought now
        task = TASKS.get(made.task["name"])
        if task is None:
            raise TaskError("not-found", f"This server has no task {made.task['name']}.")
        stored, failed = await self._so_far(made.id)
        if stored:
            await self._jobs.update(made.id, TaskChange(done=stored, items=stored))
        given = msgspec.json.decode(made.task["input"])
        run = Run(made.id, made.user["id"], given, made.task.get("upload"), stored, failed, self._records, self._uploads)
        output = Output(self._jobs, self._items, run)
        async with output, asyncio.timeout(task.timeout_s), contextlib.aclosing(task.run(run)) as items:
            async for item in items:
                await output.add(item)
        if len(_encode(run.result)) > MAX_RESULT_BYTES:
            raise TaskError("too-large", f"The result takes more than {MAX_RESULT_BYTES} bytes.")
        count = output.count
        await self._jobs.update(made.id, TaskChange(state="done", done=count, items=count, result=run.result, **output.total))

    async def _so_far(self, id: str) -> tuple[int, int]:
        """How many items are stored, and how many of these failed, though another process may still be storing some."""
        stored = await self._items.count(id)
        failed, after, more = 0, -1, True
        while more:
            page = await self._items.page(id, after, PAGE_ITEMS, PAGE_BYTES, ok=False)
            indexes = [msgspec.json.decode(item, type=_Item).index for item in page.items]
            failed += sum(index < stored for index in indexes)
            after, more = max(indexes, default=after), page.more
        return stored, failed

    async def _fail(self, id: str, message: str, code: str) -> None:
        try:
            await self._jobs.update(id, TaskChange(state="failed", note=message, result={"error": {"code": code, "message": message}}))
        except ProtocolError:
            pass  # it has ended otherwise meanwhile
        except Unavailable:
            logger.warning("task %s has failed, which can't be said now: it is tried again", id)

    async def _sweep(self) -> None:
        swept_s = float("-inf")
        while True:
            try:
                if time.monotonic() - swept_s > SWEEP_UPLOADS_S:
                    await self._uploads.start()
                    await self._uploads.sweep()
                    swept_s = time.monotonic()
                for id in await self._leases.free():
                    await self._take_up(id)
            except PyMongoError as error:
                logger.info("can't look for interrupted tasks: %s", type(error).__name__)
            await asyncio.sleep(SWEEP_S)

    async def _take_up(self, id: str) -> None:
        if len(self._held) >= MAX_RUNNING:
            return  # next time, or by another process
        try:
            self.run(await self._jobs.made(id))
        except (Unavailable, ProtocolError) as error:
            logger.info("can't take up task %s: %s", id, type(error).__name__)
        except Exception:  # noqa: BLE001 - one job must not keep all others from going on
            logger.exception("can't take up task %s", id)
