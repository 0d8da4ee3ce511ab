"""Reading the log: pages after a position or before one, and a channel's bounds.

Everything here reads with read concern majority from the primary: what a fail-over could take back is not read.
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from bson.int64 import Int64
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from protocol.channel import take
from protocol.codes import Unavailable
from protocol.message import Message
from protocol.resume import Bounds
from protocol.session import Page
from store.chunks import Chunk, chunk_range, decode_chunk

T = TypeVar("T")

CONFIRM_MS = 2000
"""How long the primary may take to confirm that it is the primary (PROTOCOL: 503 after 2 s)."""


class EpochChanged(PyMongoError):
    """The log began another life while it was read or written: what came of it belongs to none."""


def in_one_life(read: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """Makes *read*, which asks more than once, fail with EpochChanged rather than mix two lives of the log."""

    @functools.wraps(read)
    async def guarded(self: "Reader", *args: Any, **kwargs: Any) -> T:
        epoch = self.epoch
        found = await read(self, *args, **kwargs)
        self.stay_in(epoch)
        return found

    return guarded


class Tail(NamedTuple):
    """A channel's end."""

    offset: int
    is_state: bool | None
    """Of the newest message; None where there is none."""


class Reader:
    def __init__(self, database: Any, epoch: str):
        self.epoch = epoch
        majority = ReadConcern("majority")
        self.log = database.get_collection("log", read_concern=majority)
        self._confirmed = database.get_collection("log", read_concern=ReadConcern("linearizable"))
        self._channels = database.get_collection("channels", read_concern=majority)

    def stay_in(self, epoch: str) -> None:
        """Raises EpochChanged unless *epoch* is still the log's."""
        if self.epoch != epoch:
            raise EpochChanged(f"the log is no longer {epoch}")

    async def ready(self) -> None:
        """Returns once the primary has answered. Raises PyMongoError."""
        await self._channels.find_one({"_id": ""}, {"_id": 1})

    async def chunks(self, channel: str, after: int) -> AsyncIterator[Chunk]:
        """The chunks that hold what follows *after*, oldest first; the first one may begin earlier. Raises PyMongoError."""
        # the chunk that holds after + 1 may begin with it, or be the last one that begins before: if that ends earlier, the
        # first one behind it comes with the others, also when it was stored between these two reads
        epoch = self.epoch
        before = await self.log.find_one(chunk_range(channel, epoch, -1, after + 1), sort=[("_id", -1)])
        self.stay_in(epoch)
        if before is not None and before["_id"]["o"] + before["n"] > after + 1:
            yield decode_chunk(before)
        cursor = self.log.find(chunk_range(channel, epoch, after), sort=[("_id", 1)], batch_size=10)
        try:
            async for document in cursor:
                self.stay_in(epoch)
                yield decode_chunk(document)
        finally:
            await cursor.close()

    async def page(self, channel: str, after: int, max_bytes: int) -> Page:
        """What follows *after*, about *max_bytes* of it but at least one message. Raises Unavailable."""
        messages: list[Message] = []
        size = 0
        try:
            async for chunk in self.chunks(channel, after):
                if messages and chunk.first != messages[-1].offset + 1:
                    break  # trimmed while it was being read: the next page begins with the gap
                messages.extend(m for m in chunk.messages if m.offset > after)
                size += sum(len(m.payload) for m in chunk.messages)
                if size >= max_bytes:
                    break
            if messages and messages[0].offset == after + 1:
                return Page(take(messages, max_bytes))
            bounds = await self.bounds(channel)
        except PyMongoError as error:
            raise Unavailable() from error
        if bounds.head <= after:
            raise Unavailable("The log is behind what was delivered from it.")
        return Page(messages, bounds)

    @in_one_life
    async def newest(self, channel: str, max_bytes: int) -> tuple[int, list[Message]]:
        """The newest offset (0 in an empty channel), and about *max_bytes* of the messages that end there. Raises PyMongoError."""
        messages: list[Message] = []
        size = 0
        cursor = self.log.find(chunk_range(channel, self.epoch, -1), sort=[("_id", -1)], batch_size=10)
        try:
            async for document in cursor:
                chunk = decode_chunk(document)
                size += sum(len(message.payload) for message in chunk.messages)
                if messages and (size > max_bytes or chunk.last + 1 != messages[0].offset):
                    break
                messages = chunk.messages + messages
        finally:
            await cursor.close()
        # what was stored since that reading is left for the next one, or the newest message would be missing here
        return messages[-1].offset if messages else await self._tombstone(channel, "head"), messages

    @in_one_life
    async def tail(self, channel: str) -> Tail:
        """The newest offset, 0 in an empty channel, and of which kind it is. Raises PyMongoError."""
        newest = await self.log.find_one(chunk_range(channel, self.epoch, -1), {"n": 1, "s": 1}, sort=[("_id", -1)])
        if newest is None:
            return Tail(await self._tombstone(channel, "head"), None)
        return Tail(_last(newest), "s" in newest)

    async def head(self, channel: str) -> int:
        """The newest offset, 0 in an empty channel. Raises PyMongoError."""
        return (await self.tail(channel)).offset

    @in_one_life
    async def bounds(self, channel: str, *, confirmed: bool = False) -> Bounds:
        """Head and floor. *confirmed* makes the primary prove that it still is it, which takes some 100 ms. Raises PyMongoError."""
        if confirmed:
            newest = await self._confirmed.find_one(
                chunk_range(channel, self.epoch, -1), {"n": 1}, sort=[("_id", -1)], max_time_ms=CONFIRM_MS
            )
            head = _last(newest) if newest is not None else await self._tombstone(channel, "head")
        else:
            head = await self.head(channel)
        floor = await self._tombstone(channel, "floor")
        oldest = await self.log.find_one(chunk_range(channel, self.epoch, -1), {"n": 1}, sort=[("_id", 1)])
        first = int(oldest["_id"]["o"]) if oldest is not None else head + 1
        return Bounds(head, max(floor, first - 1))

    async def _tombstone(self, channel: str, field: str) -> int:
        """What trimming left behind: the `floor` or the `head`, 0 where it was never there."""
        entry = await self._channels.find_one({"_id": channel, "e": self.epoch}, {field: 1})
        return int(entry[field]) if entry is not None else 0

    @in_one_life
    async def history(self, channel: str, before: int | None, limit: int, max_bytes: int) -> tuple[list[Message], bool]:
        """Up to *limit* messages below offset *before* (None: the newest), oldest first, and whether there are older ones kept.

        Raises PyMongoError.
        """
        below = 2**63 - 1 if before is None else before
        newest_first: list[Message] = []
        size = 0
        floor = await self._tombstone(channel, "floor")
        cursor = self.log.find(chunk_range(channel, self.epoch, -1, Int64(below)), sort=[("_id", -1)], batch_size=10)
        try:
            async for document in cursor:
                for message in reversed(decode_chunk(document).messages):
                    if message.offset >= below:
                        continue
                    size += len(message.payload)
                    full = len(newest_first) == limit or (newest_first and size > max_bytes)
                    if full or message.offset <= floor:
                        return newest_first[::-1], message.offset > floor
                    newest_first.append(message)
        finally:
            await cursor.close()
        return newest_first[::-1], False


def _last(document: Any) -> int:
    return int(document["_id"]["o"] + document["n"] - 1)
