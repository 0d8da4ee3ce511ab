"""Votes: made once, closed once, by hand or at their time. How they are counted is in ballots.py, their documents in vote_log.py.

Votes and ballots are kept for good. Their states in the log are not: where retention has taken the last one of a silent
vote, or the log has begun another life, the state is stored anew when somebody asks for the channel.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from pymongo.errors import DuplicateKeyError, PyMongoError

from protocol.codes import ProtocolError, Unavailable
from protocol.hub import Hub
from protocol.tally import NewVote
from store.ballots import Ballots, Counted
from store.log import Log
from store.reader import Reader
from store.tasks import end
from store.vote_log import Standing, VoteLog, channel_of

LOOK_EVERY_S = 0.5
"""How often votes that have to close are looked for; one that another process made a moment before its time closes so much late."""
CLOSED_AT_ONCE = 100

logger = logging.getLogger("anywire.votes")


class Votes:
    def __init__(
        self,
        database: Any,
        reader: Reader,
        hub: Hub,
        log: Log,
        process: bytes,
        trimmable: set[str],
        *,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ):
        """*process* and *trimmable* are those of the writer."""
        self._log = log
        self._wall_ms = wall_ms
        self._votes = VoteLog(database, reader, hub, process, trimmable, wall_ms)
        self._ballots = Ballots(database, self._votes)
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises PyMongoError."""
        await self._votes.votes.create_index("due", sparse=True, name="due")
        self._watch = asyncio.ensure_future(self._watch_time())

    async def counted(self) -> None:
        """Returns when every ballot that was taken is counted, or given up."""
        await self._ballots.empty()

    async def close(self) -> None:
        await self.counted()
        if self._watch is not None:
            await end(self._watch)

    async def create(self, id: str, user: dict[str, str], new: NewVote) -> Standing:
        """Makes the vote *id*; or finds it, where the same was made before.

        Raises ProtocolError id-reused where it was another one, bad-request where it would close at once; Unavailable.
        """
        try:
            standing = await self._votes.read(id)
            if standing is None:
                self._take_writes()
                new.check_closes(self._wall_ms())
                standing = await self._begin(id, user, new)
        except PyMongoError as error:
            raise Unavailable() from error
        if standing.new != new:
            raise ProtocolError("id-reused", field="id")
        return standing

    async def get(self, id: str) -> Standing:
        """Raises ProtocolError not-found, Unavailable."""
        try:
            standing = await self._votes.read(id)
        except PyMongoError as error:
            raise Unavailable() from error
        if standing is None:
            raise ProtocolError("not-found", f"There is no vote {id}.")
        if not standing.is_open(self._wall_ms()):  # whoever looks for such votes stores that in a moment
            standing = standing._replace(vote=msgspec.structs.replace(standing.vote, open=False))
        return standing

    async def seen_by(self, id: str, user: str) -> Counted:
        """How the vote stands, and what the user's ballot chooses, which is never older. Raises ProtocolError not-found, Unavailable."""
        standing = await self.get(id)
        try:
            return Counted(standing, await self._ballots.of(id, user))
        except PyMongoError as error:
            raise Unavailable() from error

    async def cast(self, id: str, user: str, choices: list[int]) -> Counted:
        """See Ballots.cast."""
        self._take_writes()
        return await self._ballots.cast(id, user, choices)

    async def end(self, id: str) -> Standing:
        """Closes the vote, if it isn't yet. Raises ProtocolError not-found, Unavailable."""
        try:
            return await self._votes.commit(id, lambda session: self._votes.end(session, id))
        except PyMongoError as error:
            raise Unavailable() from error

    async def show(self, id: str) -> bool:
        """Sees to it that the channel shows how the vote stands; False where there is no such vote. Raises Unavailable."""
        channel = channel_of(id)
        try:
            if await self._votes.show(channel):
                return True
            if await self._votes.read(id) is None:
                return False
            await self._votes.commit(id, lambda session: self._votes.restore(session, id))
            return await self._votes.show(channel)
        except PyMongoError as error:
            raise Unavailable() from error

    async def _begin(self, id: str, user: dict[str, str], new: NewVote) -> Standing:
        try:
            return await self._votes.commit(id, lambda session: self._votes.begin(session, id, user, new))
        except DuplicateKeyError:  # somebody was quicker, or it was us and the answer was lost
            return await self.get(id)

    def _take_writes(self) -> None:
        if self._log.refusing is not None:
            raise Unavailable(self._log.refusing, retry_after_s=5)

    async def _watch_time(self) -> None:
        while True:
            wait_s = LOOK_EVERY_S
            try:
                await self._votes.look_again()
                wait_s = await self._end_due()
            except (PyMongoError, Unavailable) as error:
                logger.info("can't look for votes that have to close: %s", type(error).__name__)
            except Exception:  # noqa: BLE001 - the next round may do
                logger.exception("can't look for votes that have to close")
            await asyncio.sleep(wait_s)

    async def _end_due(self) -> float:
        """Closes the votes whose time is over; returns for how many seconds there is nothing more to do."""
        soon = {"due": {"$lte": self._wall_ms() + round(LOOK_EVERY_S * 1000)}}
        found = await self._votes.votes.find(soon, {"due": 1}).sort("due", 1).limit(CLOSED_AT_ONCE).to_list(CLOSED_AT_ONCE)
        for document in found:
            if document["due"] > self._wall_ms():
                return (document["due"] - self._wall_ms()) / 1000
            await self.end(document["_id"])
        return LOOK_EVERY_S if len(found) < CLOSED_AT_ONCE else 0
