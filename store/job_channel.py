"""One job's way into its channel: a state is the newest entry of the log, and nowhere else.

An update names the entry that it follows (`Log.append(after=…)`), so of two processes that update one job the second sees
what the first has done, and an older value never replaces a newer one. Updates that come quickly are merged and written at
a bounded rate; the last one always is.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from protocol.codes import ProtocolError, Unavailable
from protocol.hub import Hub
from protocol.progress import Change, Job, Pace
from store.feed import Feed
from store.log import Log
from store.writer import Moved

EVERY_S = 0.25
"""A running job is written at most so often."""
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
        self._pending: Change | None = None
        self._waiting: list[asyncio.Future[None]] = []
        """Who waits until what is pending now is written."""
        self._hurry = asyncio.Event()
        self._written_s = float("-inf")
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
            self._pace = Pace(job.done, job.updated, job.rate)
        self.job, self.offset = job, newest.offset

    async def begin(self, job: Job) -> None:
        """Writes the first state, unless there is one. Raises ProtocolError not-found where there was one once, Unavailable."""
        self._pace = Pace(job.done, job.updated)
        try:
            await self._append(job)
        except Moved:
            await self.refresh()
            if self.offset == 0:
                raise ProtocolError("not-found", f"The job {self.id} is no longer kept.") from None

    def shown(self) -> Shown:
        """The state with what is pending."""
        job = self.job if self._pending is None else self.job.after(self._pending, self._wall_ms())
        return Shown(job, f"{self._hub.epoch}-{min(self._hub.head(self.name) or 0, self.offset)}")

    async def update(self, change: Change) -> Shown:
        """Merges *change* into what is to be written. One that ends the job is durable when this returns, every other one soon after.

        Raises ProtocolError job-ended, Unavailable.
        """
        if self._pending is not None and self._pending.is_final:
            self.shown().job.after(change, self._wall_ms())  # refused where it comes too late
        elif self.job.after(change, self._wall_ms()) is self.job:
            return self.shown()
        else:
            self._pending = change if self._pending is None else self._pending.then(change)
        if self._flush is None:
            self._flush = asyncio.ensure_future(self._write_all())
        if self._pending.is_final:
            written = asyncio.get_running_loop().create_future()
            self._waiting.append(written)
            self._hurry.set()
            await written
        return self.shown()

    async def stall(self, silent_s: float) -> None:
        """Marks the job stalled if nothing was heard of it for *silent_s*. Raises Unavailable."""
        quiet_ms = self._wall_ms() - self.job.updated
        if self.job.state != "running" or self._pending is not None or quiet_ms < silent_s * 1000:
            return
        try:
            await self._append(self.job.stalled())
            self._pace = Pace(self.job.done, self._wall_ms())
        except Moved:
            pass  # something was heard of it

    def hurry(self) -> asyncio.Task[None] | None:
        """Has what is pending written at once; returns the task that does so, None where nothing is."""
        self._hurry.set()
        return self._flush

    @property
    def is_idle(self) -> bool:
        return self._flush is None

    async def _append(self, job: Job) -> None:
        """Raises Moved, Unavailable."""
        receipt = await self._log.append(self.name, self._user, None, _encode(job), is_state=True, after=self.offset)
        if receipt.offset > self.offset:
            self.job, self.offset = job, receipt.offset

    async def _write_all(self) -> None:
        try:
            while self._pending is not None:
                await self._until_due()
                await self._write(self._pending)
        except Exception as error:  # noqa: BLE001 - who waits for the last update would wait for ever
            logger.exception("an update of job %s can't be written", self.id)
            self._pending = None
            _tell(self._waiting, error)
        finally:
            self._flush = None

    async def _until_due(self) -> None:
        wait_s = self._written_s + EVERY_S - self._clock()
        if wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):
                    await self._hurry.wait()
            except TimeoutError:
                pass
        self._hurry.clear()

    async def _write(self, change: Change) -> None:
        """Tries once."""
        waiting, self._waiting = self._waiting, []
        try:
            job = self.job.after(change, self._wall_ms())
            if job is not self.job:
                self._pace.observe(job.done, job.updated)
                await self._append(job.at(self._pace.rate))
                self._written_s = self._clock()
            if self._pending is change:
                self._pending = None
            _tell(waiting)
        except Moved:
            self._waiting = waiting + self._waiting
            self._hurry.set()
            await self.refresh()
        except ProtocolError as refused:  # another process has ended the job
            self._pending = None
            _tell(waiting, refused)
        except Unavailable as away:
            _tell(waiting, away)
            await asyncio.sleep(AGAIN_S)


def _tell(waiting: list[asyncio.Future[None]], error: Exception | None = None) -> None:
    for future in waiting:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
