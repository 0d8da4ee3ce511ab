"""A vote's document and its channel, changed together.

votes    _id   the vote's id
         user  who made it, as others see it
         new   what it asks, as JSON
         t     when it was made, ms since 1970 UTC
         due   when it closes by itself; not there where it doesn't, or has
         open, tally, voters   how it stands
         e, o  epoch and offset of its newest state in the log
ballots  _id   {v: vote, u: user}
         c     the choices, in order
         t     when they were counted

Invariant: whatever changes a vote is one transaction that also stores the state which comes of it at offset `o`. All of them
change the vote's document first, so of two at once one is refused and begins anew; none can count what it hasn't read.
"""

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from protocol.codes import ProtocolError
from protocol.hub import Hub
from protocol.message import Message, encode_message
from protocol.positions import Position
from protocol.tally import NewVote, Vote
from store.chunks import chunk_document, chunk_range
from store.reader import EpochChanged, Reader
from store.transactions import transact

_encode = msgspec.json.Encoder().encode


class Standing(NamedTuple):
    """A vote as one reading of its document found it."""

    vote: Vote
    new: NewVote
    creator: dict[str, str]
    position: Position
    """Of its newest state; offset 0 where this life of the log has none yet."""
    due: int | None

    def is_open(self, now_ms: int) -> bool:
        """False also where it is time to close it and nobody has done so yet."""
        return self.vote.open and (self.due is None or self.due > now_ms)


class Step(NamedTuple):
    """What a transaction left behind."""

    standing: Standing
    state: Message | None
    """What it stored; None where there was nothing to change."""


class VoteLog:
    def __init__(
        self,
        database: Any,
        reader: Reader,
        hub: Hub,
        process: bytes,
        trimmable: set[str],
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ):
        """*trimmable* takes the channels that retention may look at."""
        self.votes = database.votes
        self._log = database.log
        self._client = database.client
        self._reader = reader
        self._hub = hub
        self._process = process
        self._trimmable = trimmable
        self.wall_ms = wall_ms
        self._doubtful: set[str] = set()
        """Channels that may have a state of ours which we don't know was committed; the bus brings only those of others."""

    async def read(self, id: str, session: Any = None) -> Standing | None:
        """Raises PyMongoError."""
        document = await self.votes.find_one({"_id": id}, session=session)
        return None if document is None else _standing(document, self._reader.epoch)

    async def commit(self, id: str, work: Callable[[Any], Awaitable[Step]]) -> Standing:
        """Runs *work* as one transaction, and delivers the state that it stored. Raises PyMongoError, and whatever *work* raises."""
        channel = channel_of(id)
        try:
            standing, state = await transact(self._client, work)
        except PyMongoError:
            self._doubtful.add(channel)
            raise
        if state is not None:
            if standing.position.epoch != self._reader.epoch:
                raise EpochChanged("the state was stored in a log that is no more")
            self._hub.deliver_own(channel, [state])
            if not standing.vote.open:
                self._hub.release(channel)
            self._trimmable.add(channel)
        return standing

    async def begin(self, session: Any, id: str, user: dict[str, str], new: NewVote) -> Step:
        """A vote that nobody has taken part in. Raises DuplicateKeyError where there is one of this id."""
        now, epoch = self.wall_ms(), self._reader.epoch
        document: dict[str, Any] = {"_id": id, "user": user, "new": _encode(new), "t": now, "open": True, "voters": 0}
        document |= {"tally": [0] * len(new.choices), "e": epoch, "o": 1}
        if new.closes is not None:
            document["due"] = new.closes
        await self.votes.insert_one(document, session=session)
        return await self._store(session, _standing(document, epoch), now)

    async def step(self, session: Any, id: str, where: dict[str, Any], by: dict[str, int], *, closing: bool = False) -> Step | None:
        """Adds what *by* says to the document of *id* if it matches *where*, or closes the vote, and stores the state that comes of it.

        None where it doesn't match.
        """
        epoch = self._reader.epoch
        change: dict[str, Any] = {"$set": {"e": epoch}, "$inc": {**by, "o": 1}}
        if closing:
            change["$set"]["open"] = False
            change["$unset"] = {"due": ""}
        document = await self.votes.find_one_and_update({"_id": id, **where}, change, return_document=ReturnDocument.AFTER, session=session)
        return None if document is None else await self._store(session, _standing(document, epoch), self.wall_ms())

    async def end(self, session: Any, id: str) -> Step:
        """Closes the vote, unless it is closed. Raises ProtocolError not-found."""
        step = await self.step(session, id, {"open": True}, {}, closing=True)
        return step if step is not None else await self.unchanged(session, id)

    async def restore(self, session: Any, id: str) -> Step:
        """Stores the state anew, unless the log has one. Raises ProtocolError not-found."""
        kept = await self._log.find_one(chunk_range(channel_of(id), self._reader.epoch, -1), {"_id": 1}, session=session)
        step = await self.step(session, id, {}, {}) if kept is None else None
        return step if step is not None else await self.unchanged(session, id)

    async def unchanged(self, session: Any, id: str) -> Step:
        """How the vote stands, with nothing stored. Raises ProtocolError not-found."""
        standing = await self.read(id, session)
        if standing is None:
            raise ProtocolError("not-found", f"There is no vote {id}.")
        return Step(standing, None)

    async def look_again(self) -> None:
        """Delivers what we may have stored without knowing. Raises PyMongoError."""
        for channel in list(self._doubtful):
            await self.show(channel)
            self._doubtful.discard(channel)

    async def show(self, channel: str) -> bool:
        """Delivers the channel's newest state; returns whether it has one. Raises PyMongoError."""
        _, newest = await self._reader.newest(channel, 0)
        if newest:
            self._hub.deliver_own(channel, newest)  # it may be the one of ours that nobody knows of
        return bool(newest)

    async def _store(self, session: Any, standing: Standing, now: int) -> Step:
        epoch, channel = standing.position.epoch, channel_of(standing.vote.id)
        state = encode_message(
            "state",
            channel,
            standing.position,
            id=os.urandom(12).hex(),
            time=now,
            user=standing.creator,
            data=_encode(standing.vote),
        )
        chunk = chunk_document(channel, epoch, [state], [], now, os.urandom(12), self._process)
        await self._log.insert_one(chunk, session=session)
        return Step(standing, state)


def channel_of(id: str) -> str:
    return f"vote:{id}"


def _standing(document: dict[str, Any], epoch: str) -> Standing:
    new = msgspec.json.decode(document["new"], type=NewVote)
    vote = Vote.of(document["_id"], new, document["tally"], document["voters"], document["open"])
    position = Position(epoch, document["o"] if document["e"] == epoch else 0)
    return Standing(vote, new, document["user"], position, document.get("due"))
