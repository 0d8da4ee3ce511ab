"""Jobs: who made one, of what, and with which key. Their states are in their channels (job_channel.py)."""

import asyncio
import datetime
import logging
import secrets
from typing import Any, NamedTuple

import msgspec
from pymongo.errors import DuplicateKeyError, PyMongoError

from protocol.codes import ProtocolError, Unavailable
from protocol.progress import Change, Job, NewJob
from store.job_channel import AGAIN_S, JobChannel, Shown, Ways
from store.tasks import end

MAX_KNOWN = 10_000
"""Jobs in memory, beyond which those that nothing is written of are let go."""
MAX_LISTED = 100
EVERY_S = 5.0
"""How often silent jobs are looked for, at least."""
ASLEEP_S = 600.0
"""How often one that stays stalled is looked at, at least: there may be very many, and whoever wakes one looks after it."""

logger = logging.getLogger("anywire.jobs")
_encode = msgspec.json.Encoder().encode


class Made(NamedTuple):
    """What `create` stored, which never changes."""

    id: str
    key: str
    """Lets its bearer update the job."""
    user: dict[str, str]
    """Its creator."""
    new: NewJob
    task: dict[str, Any] | None
    """Of a job that the server itself works on: what it was asked."""
    time: int


def _digest(task: dict[str, Any] | None) -> Any:
    """What it was asked, without where that lies."""
    return task and task["digest"]


class Jobs:
    def __init__(self, database: Any, ways: Ways, *, keep_days: float, stalled_s: float):
        self._jobs = database.jobs
        self._ways = ways
        self._keep_days = keep_days
        self.stalled_s = stalled_s
        self._known: dict[str, tuple[Made, JobChannel]] = {}
        self._asleep: dict[str, tuple[float, float]] = {}
        """Stalled jobs: when to look at each again, and how long that is put off."""
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises PyMongoError."""
        await self._jobs.create_index([("user.id", 1), ("t", -1)], name="of a user")
        await self._jobs.create_index("running", sparse=True, name="running")
        await self._jobs.create_index("expires", expireAfterSeconds=0, name="expired")
        self._watch = asyncio.ensure_future(self._watch_silence())

    async def close(self) -> None:
        """Writes what is pending, in so far as the log takes it now."""
        if self._watch is not None:
            await end(self._watch)
        flushes = [flush for _, channel in self._known.values() if (flush := channel.hurry()) is not None]
        if flushes:
            await asyncio.wait(flushes, timeout=AGAIN_S)
        for flush in flushes:
            await end(flush)

    async def create(self, id: str, user: dict[str, str], new: NewJob, task: dict[str, Any] | None = None) -> tuple[Made, Shown, bool]:
        """Makes the job *id* of *new*; or finds it, where the same user made it before, of the same: then the last value is False.

        Raises ProtocolError id-reused where it was of something else, Unavailable.
        """
        document = {
            "_id": id,
            "key": secrets.token_urlsafe(24),
            "user": user,
            "new": _encode(new),
            "task": task,
            "t": self._ways.wall_ms(),
            "running": True,
        }
        is_new = True
        try:
            await self._jobs.insert_one(document)
        except DuplicateKeyError:
            is_new = False
        except PyMongoError as error:
            raise Unavailable() from error
        made, channel = await self._job(id, is_new)
        if not is_new and (made.user["id"], made.new, _digest(made.task)) != (user["id"], new, _digest(task)):
            raise ProtocolError("id-reused", field="id")
        return made, channel.shown(), is_new

    async def made(self, id: str) -> Made:
        """Raises ProtocolError not-found, Unavailable."""
        return (await self._job(id))[0]

    async def get(self, id: str) -> Shown:
        """Raises ProtocolError not-found, Unavailable."""
        return (await self._job(id))[1].shown()

    async def of_user(self, user: str) -> list[Shown]:
        """The user's jobs, newest first. Raises Unavailable."""
        try:
            found = await self._jobs.find({"user.id": user}, {"_id": 1}).sort("t", -1).limit(MAX_LISTED).to_list(MAX_LISTED)
        except PyMongoError as error:
            raise Unavailable() from error
        shown = await asyncio.gather(*(self.get(document["_id"]) for document in found), return_exceptions=True)
        if any(isinstance(one, Unavailable) for one in shown):
            raise Unavailable()
        return [one for one in shown if isinstance(one, Shown)]

    async def update(self, id: str, change: Change) -> Shown:
        """See JobChannel.update. Raises ProtocolError not-found or job-ended, Unavailable."""
        self._asleep.pop(id, None)
        shown = await (await self._job(id))[1].update(change)
        if shown.job.is_final:
            await self._ended(id)
        return shown

    async def _job(self, id: str, is_new: bool = False) -> tuple[Made, JobChannel]:
        """The job, with its newest state. *is_new* where it was made just now."""
        made, channel = self._known.get(id) or await self._load(id)
        await channel.refresh()
        if channel.offset == 0:
            if not is_new and not await self._is_running(id):
                raise ProtocolError("not-found", f"The job {id} is no longer kept.")
            await channel.begin(Job.begin(id, made.new, made.time))
        return made, channel

    async def _is_running(self, id: str) -> bool:
        """False for one that ended in an earlier life of the log, or that was dropped with it: nobody knows any more how."""
        try:
            return await self._jobs.find_one({"_id": id, "running": True}, {"_id": 1}) is not None
        except PyMongoError as error:
            raise Unavailable() from error

    async def _load(self, id: str) -> tuple[Made, JobChannel]:
        try:
            document = await self._jobs.find_one({"_id": id})
        except PyMongoError as error:
            raise Unavailable() from error
        if document is None:
            raise ProtocolError("not-found", f"There is no job {id[:40]}.")
        new = msgspec.json.decode(document["new"], type=NewJob)
        made = Made(id, document["key"], document["user"], new, document["task"], int(document["t"]))
        if len(self._known) > MAX_KNOWN:
            self._known = {id: known for id, known in self._known.items() if not known[1].is_idle}
        return self._known.setdefault(id, (made, JobChannel(id, made.user, self._ways)))

    async def _ended(self, id: str) -> None:
        """Best effort: who looks for silent jobs comes by here again."""
        expires = datetime.datetime.fromtimestamp(self._ways.wall_ms() / 1000 + self._keep_days * 86_400, datetime.UTC)
        try:
            await self._jobs.update_one({"_id": id, "running": True}, {"$unset": {"running": ""}, "$set": {"expires": expires}})
        except PyMongoError as error:
            logger.info("job %s is still marked as running: %s", id, type(error).__name__)

    # silence

    async def _watch_silence(self) -> None:
        """A job is stalled when nothing was heard of it for so long while we were there to hear it."""
        await asyncio.sleep(self.stalled_s)
        pause_s = min(EVERY_S, self.stalled_s / 4)
        while True:
            try:
                await self._look_around(pause_s)
            except (PyMongoError, Unavailable) as error:
                logger.info("can't look for silent jobs: %s", type(error).__name__)
            except Exception:  # noqa: BLE001 - one job must not keep all others from being looked at
                logger.exception("can't look for silent jobs")
            await asyncio.sleep(pause_s)

    async def _look_around(self, pause_s: float) -> None:
        seen = set()
        async for document in self._jobs.find({"running": True}, {"_id": 1}, batch_size=1000):
            id = document["_id"]
            seen.add(id)
            next_s, wait_s = self._asleep.get(id, (0.0, pause_s))
            if self._ways.clock() < next_s:
                continue
            if await self._look_at(id):
                wait_s = min(2 * wait_s, ASLEEP_S)
                self._asleep[id] = (self._ways.clock() + wait_s, wait_s)
            else:
                self._asleep.pop(id, None)
            await asyncio.sleep(0)  # what is in memory needs no waiting, and others want the loop
        self._asleep = {id: asleep for id, asleep in self._asleep.items() if id in seen}

    async def _look_at(self, id: str) -> bool:
        """Marks the job as stalled if it is; True where it is."""
        try:
            _, channel = await self._job(id)
        except ProtocolError:  # no longer kept
            await self._ended(id)
            return False
        if channel.job.is_final:
            await self._ended(id)
        await channel.stall(self.stalled_s)
        return channel.job.state == "stalled"
