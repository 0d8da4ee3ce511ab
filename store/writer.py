"""One commit: offsets by optimistic insert, each client id once, and what becomes of an insert whose answer was lost.

A chunk's _id holds the offset after the head that we know, so of two processes only one can have an offset, and there is
no counter that could drift.

Invariant: a message is delivered and acknowledged only after the insert of its chunk was acknowledged by a majority,
or after its chunk was read back with read concern majority.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from pymongo.errors import OperationFailure, PyMongoError

from protocol.codes import ProtocolError
from protocol.hub import Hub
from protocol.message import Message, encode_messages
from protocol.positions import Position
from store.chunks import Chunk, chunk_document, id_hash
from store.inserts import insert
from store.reader import Reader

KNOWN_HEADS = 50_000
CONFIRMED_S = 300.0
"""How old our knowledge of a head may be when its commit is acknowledged; older, and the floor is read first.
Half of retention's MINIMUM_AGE_S, so that a writer that slept can't write below what was trimmed meanwhile."""
_DUPLICATE_KEY = 11000

logger = logging.getLogger("anywire.log")


class Receipt(NamedTuple):
    channel: str
    offset: int
    position: str
    id: str
    time: int
    duplicate: bool


class Moved(Exception):
    """The channel's newest message is no longer the one that the sender named: look at it, and decide anew."""


class Pending:
    """One message on its way into the log."""

    __slots__ = ("after", "attempts", "channel", "data", "future", "id", "is_state", "key", "since_s", "user")

    def __init__(
        self,
        channel: str,
        user: dict[str, Any],
        id: str,
        key: tuple[str, str, str] | None,
        data: bytes,
        since_s: float,
        is_state: bool = False,
        after: int | None = None,
    ):
        self.channel = channel
        self.user = user
        self.id = id
        self.key = key
        """Channel, user and client id: the same again is the same message. None where its sender gave no id."""
        self.data = data
        self.is_state = is_state
        self.after = after
        """The offset that it has to follow, or it isn't stored."""
        self.since_s = since_s
        self.attempts: tuple[bytes, ...] = ()
        self.future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def resolve(self, receipt: Receipt) -> None:
        if not self.future.done():
            self.future.set_result(receipt)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Stored(msgspec.Struct):
    """What of a stored event tells whose it is."""

    id: str
    time: int
    user: dict[str, Any]
    data: msgspec.Raw


class _Head:
    """What this writer knows of a channel."""

    __slots__ = ("confirmed_s", "is_state", "offset", "stale")

    def __init__(self, offset: int, is_state: bool | None, confirmed_s: float):
        self.offset = offset
        self.is_state = is_state
        self.confirmed_s = confirmed_s
        self.stale = False
        """True after a refusal or an unknown outcome: read on from `offset` before the next insert."""


class _Attempt(NamedTuple):
    """One chunk of one commit."""

    channel: str
    pendings: list[Pending]
    messages: list[Message]
    document: dict[str, Any]

    @property
    def first(self) -> int:
        return self.messages[0].offset


class Writer:
    def __init__(
        self,
        database: Any,
        reader: Reader,
        hub: Hub,
        process: bytes,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        confirmed_s: float = CONFIRMED_S,
    ):
        """*process* is a few random bytes that no other process has."""
        self._database = database
        self._log = database.log
        self._channels = database.channels
        self._reader = reader
        self._hub = hub
        self._process = process
        self._clock = clock
        self._wall_ms = wall_ms
        self._confirmed_s = confirmed_s
        self._heads: OrderedDict[str, _Head] = OrderedDict()
        self._attempt = 0
        self.trimmable: set[str] = set()
        """Channels written since retention last looked."""

    def renew(self) -> None:
        """The log has begun another life: what we knew of heads is gone."""
        self._heads.clear()

    async def commit(self, pendings: list[Pending]) -> list[Pending]:
        """One insert of at most one chunk a channel. Returns the messages that have to be tried again, in order. Raises PyMongoError."""
        epoch = self._reader.epoch
        channels: dict[str, list[Pending]] = {}
        for pending in pendings:
            channels.setdefault(pending.channel, []).append(pending)
        for channel, of_channel in channels.items():
            if (left := await self._locate(channel, of_channel)) is not of_channel:
                channels[channel] = left
        self._reader.stay_in(epoch)
        fitting = {channel: self._fitting(channel, of_channel) for channel, of_channel in channels.items()}
        attempts = [self._prepare(channel, of_channel) for channel, of_channel in fitting.items() if of_channel]
        if not attempts:
            return []
        started_s = self._clock()
        try:
            refused = {error["index"]: error for error in await insert(self._database, [a.document for a in attempts])}
        except PyMongoError:
            self._doubt(attempts)
            raise
        if any(error["code"] != _DUPLICATE_KEY for error in refused.values()):
            self._doubt(attempts)
            raise OperationFailure("the database refuses to insert a chunk", details={"writeErrors": list(refused.values())})
        again: list[Pending] = []
        for index, attempt in enumerate(attempts):
            if index in refused:
                self._doubt([attempt])
                if "k" in refused[index].get("keyPattern", {}):
                    await self._answer_duplicates(attempt.pendings)
                again.extend(attempt.pendings)
            elif await self._below_floor(attempt):
                again.extend(attempt.pendings)
            else:
                self._reader.stay_in(epoch)
                self._done(attempt, started_s)
        return again

    async def _locate(self, channel: str, pendings: list[Pending]) -> list[Pending]:
        """Makes the channel's head known; returns those of *pendings* that aren't stored yet (an earlier try may have arrived)."""
        head = self._heads.get(channel)
        if head is None:
            asked_s = self._clock()
            head = self._heads[channel] = _Head(*await self._reader.tail(channel), asked_s)
            if len(self._heads) > KNOWN_HEADS:
                self._heads.popitem(last=False)
        elif head.stale:
            asked_s = self._clock()
            async for chunk in self._reader.chunks(channel, head.offset):
                self._hub.deliver_own(channel, chunk.messages)  # some of it may be an attempt of ours
                pendings = self._recognise(chunk, pendings)
                head.offset, head.is_state = max(head.offset, chunk.last), chunk.is_state
            head.stale, head.confirmed_s = False, asked_s
        self._heads.move_to_end(channel)
        held = self._hub.newest(channel)
        if held is not None and held.offset > head.offset:
            head.offset, head.is_state = held.offset, held.is_state
        return pendings

    def _recognise(self, chunk: Chunk, pendings: list[Pending]) -> list[Pending]:
        """Answers those of *pendings* that *chunk* holds, since it is an attempt of ours whose outcome we never learned."""
        mine = [p for p in pendings if chunk.attempt in p.attempts]
        if not mine:
            return pendings
        for message in chunk.messages:
            stored = msgspec.json.decode(message.payload, type=_Stored)
            for pending in mine:
                if pending.id == stored.id and pending.user["id"] == stored.user["id"]:
                    pending.resolve(self._receipt(pending, message.offset, stored.time))
        return [p for p in pendings if p not in mine]

    def _fitting(self, channel: str, pendings: list[Pending]) -> list[Pending]:
        """Those of *pendings* that may follow the head as they are; the others are told why not."""
        head = self._heads[channel]
        is_state = head.is_state
        fitting: list[Pending] = []
        for pending in pendings:
            if is_state is not None and pending.is_state != is_state:
                pending.fail(ProtocolError("wrong-kind", field="state"))
            elif pending.after is not None and pending.after != head.offset + len(fitting):
                pending.fail(Moved())
            else:
                is_state = pending.is_state
                fitting.append(pending)
        return fitting

    def _prepare(self, channel: str, pendings: list[Pending]) -> _Attempt:
        self._attempt += 1
        tag = self._process + self._attempt.to_bytes(6)
        first = self._heads[channel].offset + 1
        now = self._wall_ms()
        epoch = self._reader.epoch
        for pending in pendings:
            pending.attempts += (tag,)
        is_state = pendings[0].is_state
        contents = [(p.id, p.user, p.data) for p in pendings]
        messages = encode_messages("state" if is_state else "message", channel, Position(epoch, first), now, contents)
        keys = [id_hash(epoch, *p.key) for p in pendings if p.key is not None]
        return _Attempt(channel, pendings, messages, chunk_document(channel, epoch, messages, keys, now, tag, self._process))

    def _doubt(self, attempts: list[_Attempt]) -> None:
        for attempt in attempts:
            if attempt.channel in self._heads:
                self._heads[attempt.channel].stale = True

    async def _below_floor(self, attempt: _Attempt) -> bool:
        """True where we knew the head so long ago that the chunk may lie below what was trimmed since, and does; it is taken out again."""
        head = self._heads.get(attempt.channel)
        if head is None or self._clock() - head.confirmed_s <= self._confirmed_s:
            return False
        entry = await self._channels.find_one({"_id": attempt.channel, "e": self._reader.epoch}, {"floor": 1})
        if entry is None or attempt.first > entry["floor"]:
            return False
        logger.warning("%s was trimmed past our head while we slept: appending again", attempt.channel)
        await self._log.delete_one({"_id": attempt.document["_id"], "w": attempt.document["w"]})
        self._heads.pop(attempt.channel, None)
        return True

    def _done(self, attempt: _Attempt, started_s: float) -> None:
        head = self._heads.setdefault(attempt.channel, _Head(0, None, started_s))
        newest = attempt.messages[-1]
        head.offset, head.is_state, head.confirmed_s = newest.offset, newest.is_state, started_s
        self.trimmable.add(attempt.channel)
        self._hub.deliver_own(attempt.channel, attempt.messages)
        time = attempt.document["t"]
        for i, pending in enumerate(attempt.pendings):
            pending.resolve(self._receipt(pending, attempt.first + i, time))

    async def _answer_duplicates(self, pendings: list[Pending]) -> None:
        """Answers those of *pendings* whose id the log has already. Raises PyMongoError."""
        by_key = {p.key: p for p in pendings if p.key is not None}
        found = self._reader.log.find({"k": {"$in": [id_hash(self._reader.epoch, *key) for key in by_key]}})
        async for document in found:
            for offset, payload in enumerate(document["m"].split(b"\n"), document["_id"]["o"]):
                stored = msgspec.json.decode(payload, type=_Stored)
                pending = by_key.get((document["_id"]["c"], stored.user["id"], stored.id))
                if pending is None or pending.future.done():
                    continue
                if bytes(stored.data) == pending.data:
                    pending.resolve(self._receipt(pending, offset, stored.time, duplicate=True))
                else:
                    pending.fail(ProtocolError("id-reused", field="id"))

    def _receipt(self, pending: Pending, offset: int, time: int, *, duplicate: bool = False) -> Receipt:
        return Receipt(pending.channel, offset, f"{self._reader.epoch}-{offset}", pending.id, time, duplicate)
