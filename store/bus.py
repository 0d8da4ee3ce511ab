"""The change stream: tells this process what the others have stored, and brings their notices.

A doorbell, not the truth: it may be late, repeat, or lose its history; whatever is missing, the hub finds by the offsets
and the feed reads from the log. Once it is back, the heads of the followed channels are asked for.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pymongo import WriteConcern
from pymongo.errors import OperationFailure, PyMongoError

from store.arrivals import Arrivals
from store.drivers import settle
from store.notice_queue import KEPT_S, NoticeQueue
from store.processes import Processes
from store.tasks import end

MAX_AWAIT_MS = 500
"""How long one read of the stream waits; short, so that a server shutting down in good order doesn't freeze it."""
POLL_S = 1.0

logger = logging.getLogger("anywire.bus")


class Bus:
    def __init__(self, database: Any, arrivals: Arrivals, processes: Processes, heard: Callable[[bytes], None]):
        """*database* is of a client of its own; *heard* is called with each notice of other hosts."""
        self._database = database
        self._arrivals = arrivals
        self._processes = processes
        self._sent = database.get_collection("notices", write_concern=WriteConcern(1))
        self._notices = NoticeQueue(processes, self._sent.insert_one, heard)
        self.tell, self.reaches_anybody = self._notices.tell, self._notices.reaches_anybody
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens from now on; what was stored before is read from the log. Raises PyMongoError."""
        stream = await self._open(None)
        self._task = asyncio.ensure_future(self._run(stream))

    async def close(self) -> None:
        """Hears and tells nothing more."""
        await self._notices.close()
        if self._task is not None:
            await end(self._task)

    async def _open(self, token: Any) -> Any:
        await self._sent.create_index("t", expireAfterSeconds=KEPT_S, name="old")  # gone where the database was dropped
        others = {"fullDocument.h": {"$ne": self._processes.host}}
        wanted = [
            {"ns.coll": "log", "operationType": "insert", "fullDocument.p": {"$ne": self._processes.process}},
            {"ns.coll": "meta", "operationType": {"$in": ["insert", "update", "replace"]}},
            {"ns.coll": "notices", "operationType": "insert", **others},
            {"ns.coll": "processes", "operationType": {"$in": ["insert", "delete"]}},
        ]
        options = {"resume_after": token} if token is not None else {}
        stream = await settle(
            self._database.watch([{"$match": {"$or": wanted}}], full_document="updateLookup", max_await_time_ms=MAX_AWAIT_MS, **options)
        )
        await stream.try_next()  # the cursor exists only once it was asked
        return stream

    async def _run(self, stream: Any) -> None:
        token = stream.resume_token
        while True:
            try:
                while stream.alive:
                    change = await stream.try_next()
                    if change is not None:
                        self._take(change)
                    token = stream.resume_token
                logger.warning("the change stream has ended: the database was dropped")
                token = None
            except PyMongoError as error:
                logger.warning("the change stream broke: %s", type(error).__name__)
                token = _still_good(token, error)
            except Exception:  # noqa: BLE001 - one event that can't be read must not end the stream for all that follow
                logger.exception("an event of the change stream was not understood")
                token = None
                await asyncio.sleep(POLL_S)
            await settle(stream.close())
            stream = await self._reopen(token)

    async def _reopen(self, token: Any) -> Any:
        while True:
            stream = None
            try:
                stream = await self._open(token)
                await self._arrivals.refresh()
            except PyMongoError as error:
                token = _still_good(token, error)
                logger.warning("the change stream is still away: %s", type(error).__name__)
                if stream is not None:
                    await settle(stream.close())
                await asyncio.sleep(POLL_S)
            else:
                logger.info("the change stream is back")
                return stream

    def _take(self, change: dict[str, Any]) -> None:
        collection, document = change.get("ns", {}).get("coll"), change.get("fullDocument")
        if collection == "processes":
            self._processes.look()
        elif document is None:
            return
        elif collection == "meta":
            if "epoch" in document:
                self._arrivals.take_epoch(document["epoch"])
        elif collection == "notices":
            self._notices.take(document)
        else:
            self._arrivals.take(document)


def _still_good(token: Any, error: PyMongoError) -> Any:
    """*token*, unless the server itself refused: it may no longer hold where we were (286), or never resume from there.

    Beginning now costs nothing, since the heads are asked for afterwards.
    """
    return None if isinstance(error, OperationFailure) else token
