"""Ballots: those of one vote that wait are counted together, in one transaction.

A ballot is set, and the tally moves by its difference from the user's earlier one, which is read in the same transaction.
So a transaction whose outcome is unknown may be run again: if it was committed, the difference is none. Neither a kill nor
an election counts a ballot twice or loses one that was acknowledged.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from pymongo import DeleteOne, ReplaceOne
from pymongo.errors import PyMongoError

from protocol.codes import ProtocolError, Refusal, Unavailable
from protocol.tally import move
from store.vote_log import Standing, Step, VoteLog

EVERY_S = 0.05
"""A vote is counted at most so often, which is as often as its pages are told; a ballot that comes after a pause is counted at once."""
DEADLINE_S = 5.0
"""How long a ballot waits to be counted before its sender is told to come again."""
BACKLOG = 10_000
"""Ballots of all votes that wait while MongoDB is away; beyond it, 503."""
BATCH = 500
"""Ballots in one transaction; MongoDB advises at most 1,000 documents."""

logger = logging.getLogger("anywire.votes")


class Counted(NamedTuple):
    """What came of a ballot: how the vote stood right after it, and what the user's ballot chose then."""

    standing: Standing
    mine: list[int]


class Cast:
    """A ballot on its way."""

    __slots__ = ("choices", "future", "user")

    def __init__(self, user: str, choices: list[int]):
        self.user = user
        self.choices = choices
        self.future: asyncio.Future[Counted] = asyncio.get_running_loop().create_future()


class Box:
    """The ballots of one vote that wait, in the order in which they came. Of a user's two, the later counts."""

    def __init__(self, count: Callable[[list[Cast]], Awaitable[None]]):
        """*count* answers the ballots it is given, or raises."""
        self._count = count
        self._casts: list[Cast] = []
        self._counting: asyncio.Task[None] | None = None

    def put(self, cast: Cast) -> None:
        self._casts.append(cast)
        if self._counting is None:
            self._counting = asyncio.ensure_future(self._count_all())

    def __len__(self) -> int:
        return len(self._casts)

    @property
    def counting(self) -> asyncio.Task[None] | None:
        """The task that empties the box; None where it is empty."""
        return self._counting

    async def _count_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._casts:
                began_s = loop.time()
                batch, self._casts = self._casts[:BATCH], self._casts[BATCH:]
                try:
                    await self._count(batch)
                except Exception as error:  # noqa: BLE001 - who waits for one batch must not wait for ever, nor those behind it
                    _fail(batch, error)
                await asyncio.sleep(began_s + EVERY_S - loop.time())
        finally:
            self._counting = None


class Ballots:
    def __init__(self, database: Any, votes: VoteLog):
        self._ballots = database.ballots
        self._votes = votes
        self._boxes: dict[str, Box] = {}

    async def of(self, id: str, user: str) -> list[int]:
        """What the user's ballot chooses; [] where there is none. Raises PyMongoError."""
        document = await self._ballots.find_one({"_id": {"v": id, "u": user}})
        return list(document["c"]) if document is not None else []

    async def cast(self, id: str, user: str, choices: list[int]) -> Counted:
        """Sets the user's ballot to *choices*, which were checked; none take it back.

        Raises ProtocolError not-found or vote-closed; Unavailable, and then it may still be counted.
        """
        if sum(map(len, self._boxes.values())) >= BACKLOG:
            raise Unavailable("Too many ballots are waiting to be counted.")
        cast = Cast(user, choices)
        box = self._boxes.get(id)
        if box is None:
            self._boxes = {id: box for id, box in self._boxes.items() if box.counting is not None}
            box = self._boxes[id] = Box(lambda batch: self._count(id, batch))
        box.put(cast)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await cast.future
        except TimeoutError:
            raise Unavailable() from None

    async def empty(self) -> None:
        """Returns when nothing waits any more."""
        for box in list(self._boxes.values()):
            if box.counting is not None:
                await asyncio.wait([box.counting])

    async def _count(self, id: str, batch: list[Cast]) -> None:
        wanted: dict[str, list[int]] = {}

        async def work(session: Any) -> Step:
            wanted.clear()
            wanted.update((cast.user, cast.choices) for cast in batch if not cast.future.done())
            return await self._set(session, id, wanted)

        standing = await self._votes.commit(id, work)
        if not standing.vote.open:
            raise ProtocolError("vote-closed")
        for cast in batch:
            if not cast.future.done():
                cast.future.set_result(Counted(standing, wanted[cast.user]))

    async def _set(self, session: Any, id: str, wanted: dict[str, list[int]]) -> Step:
        """Sets ballots, by user; where it is too late, none of them, and sees to it that the vote is closed."""
        keys = [{"v": id, "u": user} for user in wanted]
        found = self._ballots.find({"_id": {"$in": keys}}, {"c": 1}, session=session, batch_size=BATCH)
        before = {document["_id"]["u"]: document["c"] async for document in found}
        changed = {user: choices for user, choices in wanted.items() if before.get(user, []) != choices}
        now = self._votes.wall_ms()
        if not changed:
            step = await self._votes.unchanged(session, id)
            if step.standing.is_open(now) and step.standing.position.offset:
                return step
        moved = move(before, changed)
        by = {"voters": moved.voters, **{f"tally.{choice}": count for choice, count in moved.tally.items()}}
        step = await self._votes.step(session, id, {"open": True, "due": {"$not": {"$lte": now}}}, by)
        if step is None:
            return await self._votes.end(session, id)
        if changed:
            await self._ballots.bulk_write([_write(id, user, choices, now) for user, choices in changed.items()], session=session)
        return step


def _write(id: str, user: str, choices: list[int], now: int) -> ReplaceOne[Any] | DeleteOne:
    key = {"v": id, "u": user}
    return ReplaceOne({"_id": key}, {"c": choices, "t": now}, upsert=True) if choices else DeleteOne({"_id": key})


def _fail(batch: list[Cast], error: Exception) -> None:
    if isinstance(error, PyMongoError):
        logger.warning("%d ballots can't be counted: %s", len(batch), type(error).__name__)
        error = Unavailable()
    elif not isinstance(error, Refusal):
        logger.error("%d ballots can't be counted", len(batch), exc_info=error)
        error = Unavailable()
    for cast in batch:
        if not cast.future.done():
            cast.future.set_exception(error)
