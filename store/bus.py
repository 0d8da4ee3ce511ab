"""The change stream on the log: tells this process what the others have stored.

A doorbell, not the truth: it may be late, repeat, or lose its history; whatever is missing, the hub finds by the offsets
and the feed reads from the log. Once it is back, the heads of the followed channels are asked for.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError

from protocol.hub import Hub
from store.chunks import decode_chunk
from store.drivers import settle
from store.feed import Feed
from store.meta import load_meta
from store.tasks import end

MAX_AWAIT_MS = 500
"""How long one read of the stream waits; short, so that a server shutting down in good order doesn't freeze it."""
POLL_S = 1.0

logger = logging.getLogger("anywire.bus")


class Bus:
    def __init__(self, database: Any, hub: Hub, feed: Feed, process: bytes, renewed: Callable[[str], None]):
        """*database* is of a client of its own; *renewed* is called with the new epoch when the log was restored."""
        self._database = database
        self._hub = hub
        self._feed = feed
        self._process = process
        self._renewed = renewed
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens from now on; what was stored before is read from the log. Raises PyMongoError."""
        stream = await self._open(None)
        self._task = asyncio.ensure_future(self._run(stream))

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def _open(self, token: Any) -> Any:
        pipeline = [
            {
                "$match": {
                    "$or": [
                        {"ns.coll": "log", "operationType": "insert", "fullDocument.p": {"$ne": self._process}},
                        {"ns.coll": "meta", "operationType": {"$in": ["insert", "update", "replace"]}},
                    ]
                }
            }
        ]
        options = {"resume_after": token} if token is not None else {}
        stream = await settle(self._database.watch(pipeline, full_document="updateLookup", max_await_time_ms=MAX_AWAIT_MS, **options))
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
            try:
                stream = await self._open(token)
                await self._refresh()
            except PyMongoError as error:
                token = _still_good(token, error)
                logger.warning("the change stream is still away: %s", type(error).__name__)
                await asyncio.sleep(POLL_S)
            else:
                logger.info("the change stream is back")
                return stream

    async def _refresh(self) -> None:
        """Everything that is followed, compared with the log."""
        meta = await load_meta(self._database)  # made anew where the database was dropped
        if meta.epoch != self._hub.epoch:
            self._renewed(meta.epoch)
        for channel in self._hub.followed():
            await self._feed.refresh(channel)

    def _take(self, change: dict[str, Any]) -> None:
        document = change.get("fullDocument")
        if document is None:
            return
        if change["ns"]["coll"] == "meta":
            if document.get("epoch", self._hub.epoch) != self._hub.epoch:
                self._renewed(document["epoch"])
        elif document["_id"]["e"] == self._hub.epoch:
            channel, last = document["_id"]["c"], document["_id"]["o"] + document["n"] - 1
            newest = self._hub.newest(channel)
            if newest is None or newest.offset < last:
                self._hub.deliver(channel, decode_chunk(document).messages)


def _still_good(token: Any, error: PyMongoError) -> Any:
    """*token*, unless the server itself refused: it may no longer hold where we were (286), or never resume from there.

    Beginning now costs nothing, since the heads are asked for afterwards.
    """
    return None if isinstance(error, OperationFailure) else token
