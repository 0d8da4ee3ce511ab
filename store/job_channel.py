"""One job's way into its channel: a state is the newest entry of the log, and nowhere else.

An update names the entry that it follows (`Log.append(after=…)`), so of two processes that update one job the second sees
what the first has done, and an older value never replaces a newer one. Updates that come quickly are merged and written at
a bounded rate; the last one always is.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from protocol.codes import ProtocolError, Unavailable
from protocol.hub import Hub
from protocol.positions import Position
from protocol.progress import Change, Changes, Job, Pace
from store.feed import Feed
from store.log import Log
from store.writer import Moved

EVERY_S = 0.25
"""A running job is written at most so often."""
OTHERS_S = 1.0
"""If another process has written a job within that time, each of the two writes half as often."""
AGAIN_S = 1.0
"""After the log was away."""

logger = logging.getLogger("anywire.jobs")
_encode = msgspec.json.Encoder().encode


class Shown(NamedTuple):
    """A state, and the position of the last one that was delivered: that of the state or of an earlier one."""

    job: Job
    position: str


class Ways(NamedTuple):
    """What all jobs of a process share."""

    log: Log
    feed: Feed
    hub: Hub
    clock: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000


class _Stored(msgspec.Struct):
    data: Job


class JobChannel:
    def __init__(self, id: str, user: dict[str, str], ways: Ways):
        self.id = id
        self.name = f"job:{id}"
        self.offset = 0
        self.job: Job
        """The newest state that was read from the log, at `offset`; set as soon as that isn't 0."""
        self._user = user
        self._log, self._feed, self._hub, self._clock, self._wall_ms = ways
        self._epoch = ""
        self._pace = Pace(0, 0)
        self._writing: Changes | None = None
        """What is on its way into the log, and may be there already."""
        self._pending: Changes | None = None
        """What came since."""
        self._waiting: list[asyncio.Future[None]] = []
        """Who waits until the end of the job is written."""
        self._hurry = asyncio.Event()
        self._written_s = self._others_s = float("-inf")
        self._flush: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Reads what others may have written. Raises Unavailable."""
        newest = await self._feed.newest(self.name)
        if self._epoch != self._hub.epoch:
            self._epoch, self.offset = self._hub.epoch, 0
        if newest is None or newest.offset <= self.offset:
            return
        job = msgspec.json.decode(newest.payload, type=_Stored).data
        if self.offset == 0:
            self._pace = Pace(job.done, job.updated, job.rate, is_start=job.done == 0)
        elif self._writing is None:
            self._others_s = self._clock()
        self.job, self.offset = job, newest.offset

    async def begin(self, job: Job) -> None:
        """Writes the first state, unless there is one. Raises ProtocolError not-found where there was one once, Unavailable."""
        if self.offset:
            return  # somebody else did, while our caller wondered
        self._pace = Pace(job.done, job.updated, is_start=True)
        try:
            await self._append(job)
        except Moved:
            await self._look()
            if self.offset == 0:
                raise ProtocolError("not-found", f"The job {self.id} is no longer kept.") from None

    def shown(self) -> Shown:
        """The state with what is pending, but for an end that is not written yet."""
        job = self.job
        if not job.is_final:
            for changes in self._unwritten:
                job = changes.without_end().on(job, self._wall_ms())
        return Shown(job, f"{self._hub.epoch}-{min(self._hub.head(self.name) or 0, self.offset)}")

    async def update(self, change: Change) -> Shown:
        """Merges *change* into what is to be written. One that ends the job is durable when this returns, every other one soon after.

        Raises ProtocolError job-ended, Unavailable.
        """
        before = self._current()
        after = before.after(change, self._wall_ms())
        if after is not before:
            changes = Changes.of(change)
            self._pending = changes if self._pending is None else self._pending.then(changes)
            if self._flush is None:
                self._flush = asyncio.ensure_future(self._write_all())
        if after.is_final and not self.job.is_final:
            written = asyncio.get_running_loop().create_future()
            self._waiting.append(written)
            self._hurry.set()
            await written
        return self.shown()

    async def stall(self, silent_s: float) -> None:
        """Marks the job stalled if nothing was heard of it for *silent_s*. Raises Unavailable."""
        quiet_ms = self._wall_ms() - self.job.updated
        if self.job.state != "running" or self._unwritten or quiet_ms < silent_s * 1000:
            return
        with contextlib.suppress(Moved):  # something was heard of it
            await self._append(self.job.stalled())

    def hurry(self) -> asyncio.Task[None] | None:
        """Has what is pending written at once; returns the task that does so, None where nothing is."""
        self._hurry.set()
        return self._flush

    @property
    def is_idle(self) -> bool:
        return self._flush is None

    @property
    def _unwritten(self) -> list[Changes]:
        return [changes for changes in (self._writing, self._pending) if changes is not None]

    def _current(self) -> Job:
        """The newest state with everything that is still to be written."""
        job = self.job
        if not job.is_final:
            for changes in self._unwritten:
                job = changes.on(job, self._wall_ms())
        return job

    async def _append(self, job: Job) -> None:
        """Raises Moved, Unavailable."""
        receipt = await self._log.append(self.name, self._user, None, _encode(job), is_state=True, after=self.offset)
        if receipt.offset > self.offset:
            self.job, self.offset = job, receipt.offset
        if job.is_final:
            self._hub.release(self.name)

    async def _write_all(self) -> None:
        try:
            while self._pending is not None:
                await self._until_due()
                await self._write(self._pending)
        except Exception as error:  # noqa: BLE001 - who waits for the end would wait for ever
            logger.exception("an update of job %s can't be written", self.id)
            self._tell(error)
        finally:
            self._writing = self._pending = self._flush = None
            self._tell(Unavailable(code="draining"))

    async def _until_due(self) -> None:
        now_s = self._clock()
        every_s = 2 * EVERY_S if now_s - self._others_s < OTHERS_S else EVERY_S
        wait_s = self._written_s + every_s - now_s
        if wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):
                    await self._hurry.wait()
            except TimeoutError:
                pass
        self._hurry.clear()

    async def _write(self, changes: Changes) -> None:
        """Tries once."""
        self._writing, self._pending = changes, None
        try:
            try:
                await self._follow(changes)
            except Moved:
                self._take_back()
                await self._look()
            else:
                self._writing = None
                if self._pending is None:
                    self._tell()
        except (ProtocolError, Unavailable) as refused:
            self._tell(refused)
            if refused.code == "job-ended":  # by another process
                self._writing = self._pending = None
            else:
                self._take_back()
                await asyncio.sleep(AGAIN_S)

    async def _follow(self, changes: Changes) -> None:
        """Raises Moved, ProtocolError job-ended, Unavailable."""
        job = changes.on(self.job, self._wall_ms())
        if job is not self.job:
            if self.job.state == "stalled":  # nobody knows when what it tells now was done
                self._pace = Pace(job.done, job.updated, is_start=job.done == self.job.done)
            else:
                self._pace.observe(job.done, job.updated)
            await self._append(job.at(self._pace.rate))
            self._written_s = self._clock()

    def _take_back(self) -> None:
        if self._writing is not None:
            self._pending = self._writing if self._pending is None else self._writing.then(self._pending)
            self._writing = None
        self._hurry.set()

    async def _look(self) -> None:
        """Reads what stands behind our offset, from the log itself if nothing told us of it. Raises Unavailable."""
        before = self.offset
        await self.refresh()
        if self.offset == before:
            await self._feed.locate(self.name, Position(self._hub.epoch, before + 1))
            await self.refresh()

    def _tell(self, error: Exception | None = None) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
