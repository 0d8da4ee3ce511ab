"""Writing the log: group commit, offsets by optimistic insert, each client id once.

All messages that wait go into one unordered insert of one chunk a channel, `w: majority` and journaled; the next commit
starts when the last has ended, without a timer. A chunk's _id holds the offset after the head that we know, so of two
processes only one can have an offset, and there is no counter that could drift.

Invariant: a message is delivered and acknowledged only after the insert of its chunk was acknowledged by a majority,
or after its chunk was read back with read concern majority.
"""

import asyncio
import logging
import os
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from pymongo.errors import BulkWriteError, PyMongoError

from protocol.codes import ProtocolError, Unavailable
from protocol.hub import Hub
from protocol.message import Message, encode_message
from protocol.positions import Position
from store.chunks import CHUNK_BYTES, CHUNK_MESSAGES, Chunk, chunk_document, id_key
from store.reader import Reader

DEADLINE_S = 5.0
"""How long a publish waits for its commit before it is told to come again."""
BACKLOG_MESSAGES = 10_000
BACKLOG_BYTES = 64 * 1024 * 1024
"""What waits in memory while MongoDB is away; beyond it, 503. At 1,000/s an election of 5 s needs half of it."""
COMMIT_BYTES = 8 * 1024 * 1024
KNOWN_HEADS = 50_000
CONFIRMED_S = 300.0
"""How old our knowledge of a head may be when its commit is acknowledged; older, and the floor is read first.
Half of retention's MINIMUM_AGE_S, so that a writer that slept can't write below what was trimmed meanwhile."""
PAUSE_S = 0.05
"""Between tries while MongoDB is away."""
_DUPLICATE_KEY = 11000

logger = logging.getLogger("anywire.log")


class Receipt(NamedTuple):
    channel: str
    offset: int
    position: str
    id: str
    time: int
    duplicate: bool


class _Stored(msgspec.Struct):
    """What of a stored event tells whose it is."""

    id: str
    time: int
    user: dict[str, Any]
    data: msgspec.Raw


class _Pending:
    """One message on its way into the log."""

    __slots__ = ("attempts", "channel", "data", "future", "id", "key", "since_s", "user")

    def __init__(self, channel: str, user: dict[str, Any], id: str, key: bytes | None, data: bytes, since_s: float):
        self.channel = channel
        self.user = user
        self.id = id
        self.key = key
        self.data = data
        self.since_s = since_s
        self.attempts: tuple[bytes, ...] = ()
        self.future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def resolve(self, receipt: Receipt) -> None:
        if not self.future.done():
            self.future.set_result(receipt)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Head:
    """What this writer knows of a channel."""

    __slots__ = ("confirmed_s", "offset", "stale")

    def __init__(self, offset: int, confirmed_s: float):
        self.offset = offset
        self.confirmed_s = confirmed_s
        self.stale = False
        """True after a refusal or an unknown outcome: read on from `offset` before the next insert."""


class _Attempt(NamedTuple):
    """One chunk of one commit."""

    channel: str
    first: int
    pendings: list[_Pending]
    messages: list[Message]
    document: dict[str, Any]


class Log:
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
        deadline_s: float = DEADLINE_S,
    ):
        self._log = database.log
        self._channels = database.channels
        self._reader = reader
        self._hub = hub
        self._process = process
        self._clock = clock
        self._wall_ms = wall_ms
        self._confirmed_s = confirmed_s
        self._deadline_s = deadline_s
        self._heads: OrderedDict[str, _Head] = OrderedDict()
        self._queue: deque[_Pending] = deque()
        self._in_flight: list[_Pending] = []
        self._committer: asyncio.Task[None] | None = None
        self._bytes = 0
        self._attempt = 0
        self._watch: asyncio.TimerHandle | None = None
        self.refusing: str | None = None
        """Why nothing is taken at the moment, such as a full disk."""
        self.trimmable: set[str] = set()
        """Channels written since retention last looked."""

    async def append(self, channel: str, user: dict[str, Any], id: str | None, data: bytes) -> Receipt:
        """Stores one message and returns its receipt once a majority has it.

        *data* is compact JSON. With an *id*, the same user's same id on the same channel gives the first one's receipt again.
        Raises ProtocolError id-reused where the data differs, Unavailable where the log can't take it now.
        """
        if self.refusing is not None:
            raise Unavailable(self.refusing, retry_after_s=5)
        if len(self._queue) >= BACKLOG_MESSAGES or self._bytes + len(data) > BACKLOG_BYTES:
            raise Unavailable("Too many messages are waiting to be stored.")
        key = id_key(channel, user["id"], id) if id is not None else None
        pending = _Pending(channel, user, id if id is not None else os.urandom(12).hex(), key, data, self._clock())
        self._queue.append(pending)
        self._bytes += len(data)
        if self._committer is None:
            self._committer = asyncio.ensure_future(self._commit_all())
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._deadline_s / 5, self._expire)
        return await pending.future

    async def close(self) -> None:
        """Waits until what was taken is stored, or its deadline has passed."""
        while self._committer is not None:
            await asyncio.wait([self._committer])
        if self._watch is not None:
            self._watch.cancel()

    def renew(self) -> None:
        """The log has begun another life: what we knew of heads is gone."""
        self._heads.clear()

    async def _commit_all(self) -> None:
        try:
            while self._queue:
                self._in_flight = self._take()
                try:
                    again = await self._commit(self._in_flight)
                except PyMongoError as error:
                    logger.warning("commit of %d messages failed, trying again: %s", len(self._in_flight), type(error).__name__)
                    logger.debug("the failure", exc_info=error)
                    again = self._in_flight
                    await asyncio.sleep(PAUSE_S)
                except Exception:  # noqa: BLE001 - a fault with one batch must not end the writer for all that follow
                    logger.exception("commit failed")
                    for pending in self._in_flight:
                        pending.fail(Unavailable())
                    again = []
                self._bytes -= sum(len(p.data) for p in self._in_flight)
                self._in_flight = []
                waiting = [p for p in again if not p.future.done()]
                self._bytes += sum(len(p.data) for p in waiting)
                self._queue.extendleft(reversed(waiting))
        finally:
            self._committer = None

    def _take(self) -> list[_Pending]:
        """What goes into the next commit, out of the queue; of each channel in the order sent, one chunk's worth."""
        taken: list[_Pending] = []
        left: list[_Pending] = []
        room: dict[str, tuple[int, int]] = {}
        keys: set[bytes | None] = set()
        total = 0
        while self._queue and total < COMMIT_BYTES:
            pending = self._queue.popleft()
            size = len(pending.data)
            if pending.future.done():  # past its deadline, or its client has gone
                self._bytes -= size
                continue
            count, free_bytes = room.get(pending.channel, (CHUNK_MESSAGES, CHUNK_BYTES))
            # the unique index doesn't see two equal ids within one document: the second waits for the next commit
            full = not count or (free_bytes < size and count < CHUNK_MESSAGES)
            if full or pending.key in keys:
                room[pending.channel] = (0, 0)
                left.append(pending)
                continue
            room[pending.channel] = (count - 1, free_bytes - size)
            taken.append(pending)
            total += size
            if pending.key is not None:
                keys.add(pending.key)
        self._queue.extendleft(reversed(left))
        return taken

    async def _commit(self, pendings: list[_Pending]) -> list[_Pending]:
        """One insert. Returns the messages that have to be tried again, in order. Raises PyMongoError."""
        channels: dict[str, list[_Pending]] = {}
        for pending in pendings:
            channels.setdefault(pending.channel, []).append(pending)
        for channel, of_channel in channels.items():
            if (left := await self._locate(channel, of_channel)) is not of_channel:
                channels[channel] = left
        attempts = [self._prepare(channel, of_channel) for channel, of_channel in channels.items() if of_channel]
        if not attempts:
            return []
        started_s = self._clock()
        try:
            await self._log.insert_many([a.document for a in attempts], ordered=False)
            refused: dict[int, dict[str, Any]] = {}
        except BulkWriteError as error:
            refused = {e["index"]: e for e in error.details["writeErrors"]}
            if error.details["writeConcernErrors"] or any(e["code"] != _DUPLICATE_KEY for e in refused.values()):
                self._doubt(attempts)
                raise
        except PyMongoError:
            self._doubt(attempts)
            raise
        again: list[_Pending] = []
        for index, attempt in enumerate(attempts):
            if index in refused:
                self._doubt([attempt])
                if "k" in refused[index].get("keyPattern", {}):
                    await self._answer_duplicates(attempt.pendings)
                again.extend(attempt.pendings)
            elif await self._below_floor(attempt):
                again.extend(attempt.pendings)
            else:
                self._done(attempt, started_s)
        return again

    async def _locate(self, channel: str, pendings: list[_Pending]) -> list[_Pending]:
        """Makes the channel's head known; returns those of *pendings* that aren't stored yet (an earlier try may have arrived)."""
        head = self._heads.get(channel)
        if head is None:
            asked_s = self._clock()
            head = self._heads[channel] = _Head(await self._reader.head(channel), asked_s)
            if len(self._heads) > KNOWN_HEADS:
                self._heads.popitem(last=False)
        elif head.stale:
            asked_s = self._clock()
            async for chunk in self._reader.chunks(channel, head.offset):
                self._hub.deliver(channel, chunk.messages)
                pendings = self._recognise(chunk, pendings)
                head.offset = max(head.offset, chunk.last)
            head.stale, head.confirmed_s = False, asked_s
        self._heads.move_to_end(channel)
        head.offset = max(head.offset, self._hub.head(channel) or 0)
        return pendings

    def _recognise(self, chunk: Chunk, pendings: list[_Pending]) -> list[_Pending]:
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

    def _prepare(self, channel: str, pendings: list[_Pending]) -> _Attempt:
        self._attempt += 1
        tag = self._process + self._attempt.to_bytes(6)
        first = self._heads[channel].offset + 1
        now = self._wall_ms()
        epoch = self._reader.epoch
        messages = []
        for i, pending in enumerate(pendings):
            pending.attempts += (tag,)
            position = Position(epoch, first + i)
            messages.append(encode_message("message", channel, position, id=pending.id, time=now, user=pending.user, data=pending.data))
        keys = [p.key for p in pendings if p.key is not None]
        document = chunk_document(channel, epoch, first, [m.payload for m in messages], keys, now, tag, self._process)
        return _Attempt(channel, first, pendings, messages, document)

    def _doubt(self, attempts: list[_Attempt]) -> None:
        for attempt in attempts:
            self._heads[attempt.channel].stale = True

    async def _below_floor(self, attempt: _Attempt) -> bool:
        """True where we knew the head so long ago that the chunk may lie below what was trimmed since, and does; it is taken out again."""
        head = self._heads[attempt.channel]
        if self._clock() - head.confirmed_s <= self._confirmed_s:
            return False
        entry = await self._channels.find_one({"_id": attempt.channel, "e": self._reader.epoch}, {"floor": 1})
        if entry is None or attempt.first > entry["floor"]:
            return False
        logger.warning("%s was trimmed past our head while we slept: appending again", attempt.channel)
        await self._log.delete_one({"_id": attempt.document["_id"], "w": attempt.document["w"]})
        del self._heads[attempt.channel]
        return True

    def _done(self, attempt: _Attempt, started_s: float) -> None:
        head = self._heads[attempt.channel]
        head.offset, head.confirmed_s = attempt.first + len(attempt.messages) - 1, started_s
        self.trimmable.add(attempt.channel)
        self._hub.deliver(attempt.channel, attempt.messages)
        time = attempt.document["t"]
        for i, pending in enumerate(attempt.pendings):
            pending.resolve(self._receipt(pending, attempt.first + i, time))

    async def _answer_duplicates(self, pendings: list[_Pending]) -> None:
        """Answers those of *pendings* whose id the log has already. Raises PyMongoError."""
        by_key = {p.key: p for p in pendings if p.key is not None}
        found = self._reader.log.find({"k": {"$in": list(by_key)}})
        async for document in found:
            if document["_id"]["e"] != self._reader.epoch:
                continue
            for offset, payload in enumerate(document["m"].split(b"\n"), document["_id"]["o"]):
                stored = msgspec.json.decode(payload, type=_Stored)
                pending = by_key.get(id_key(document["_id"]["c"], stored.user["id"], stored.id))
                if pending is None or pending.future.done():
                    continue
                if bytes(stored.data) == pending.data:
                    pending.resolve(self._receipt(pending, offset, stored.time, duplicate=True))
                else:
                    pending.fail(ProtocolError("id-reused", field="id"))

    def _receipt(self, pending: _Pending, offset: int, time: int, *, duplicate: bool = False) -> Receipt:
        return Receipt(pending.channel, offset, f"{self._reader.epoch}-{offset}", pending.id, time, duplicate)

    def _expire(self) -> None:
        """Gives up on messages past their deadline. One that is in flight may still be stored; its client asks again with its id."""
        oldest_s = self._clock() - self._deadline_s
        refused: set[tuple[str, str]] = set()
        waiting = False
        for pending in (*self._in_flight, *self._queue):
            sender = (pending.channel, pending.user["id"])
            if pending.since_s < oldest_s or sender in refused:  # what the same user sent later must not overtake it
                if not pending.future.done():
                    refused.add(sender)
                pending.fail(Unavailable())
            waiting = waiting or not pending.future.done()
        self._watch = asyncio.get_running_loop().call_later(self._deadline_s / 5, self._expire) if waiting else None
