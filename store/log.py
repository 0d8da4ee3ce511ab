"""Writing the log: group commit.

All messages that wait go into one unordered insert of one chunk a channel, `w: majority` and journaled; the next commit
starts when the last has ended, without a timer. The channels are dealt to two lanes that do so independently: while
MongoDB works for one, we encode for the other. What waits is bounded, and waits only so long.
"""

import asyncio
import logging
import os
import time
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

from pymongo.errors import PyMongoError

from protocol.codes import ProtocolError, Unavailable
from store.chunks import CHUNK_BYTES, CHUNK_MESSAGES
from store.writer import Pending, Receipt, Writer

DEADLINE_S = 5.0
"""How long a publish waits for its commit before it is told to come again."""
BACKLOG_MESSAGES = 10_000
BACKLOG_BYTES = 64 * 1024 * 1024
"""What waits in a lane while MongoDB is away; beyond it, 503. At 1,000/s an election of 5 s needs half of it."""
LANES = 2
"""With one, MongoDB waits for us half of the time, and we for it: a fifth less in a closed loop. More than two gained nothing."""
COMMIT_BYTES = 8 * 1024 * 1024
PAUSE_S = 0.05
"""Between tries while MongoDB is away."""

logger = logging.getLogger("anywire.log")


class Log:
    def __init__(self, writer: Writer, *, clock: Callable[[], float] = time.monotonic, deadline_s: float = DEADLINE_S):
        self._lanes = [Lane(writer, clock, deadline_s) for _ in range(LANES)]
        self.refusing: str | None = None
        """Why nothing is taken at the moment, such as a full disk."""

    async def append(
        self, channel: str, user: dict[str, Any], id: str | None, data: bytes, *, is_state: bool = False, after: int | None = None
    ) -> Receipt:
        """Stores one message, or one state, and returns its receipt once a majority has it.

        *data* is compact JSON. With an *id*, the same user's same id on the same channel gives the first one's receipt again.
        With *after* it is stored right behind that offset or not at all.
        Raises ProtocolError id-reused where the data differs, after-refused, wrong-kind where the channel holds the other kind;
        Moved where something else follows *after*; Unavailable where the log can't take it now.
        """
        if self.refusing is not None:
            raise Unavailable(self.refusing, retry_after_s=5)
        return await self.lane(channel).append(channel, user, id, data, is_state, after)

    def lane(self, channel: str) -> "Lane":
        """Always the same for a channel, so that its messages stay in the order sent."""
        return self._lanes[zlib.crc32(channel.encode()) % LANES]

    async def close(self) -> None:
        """Waits until what was taken is stored, or its deadline has passed."""
        for lane in self._lanes:
            await lane.close()


class Lane:
    """The commits of some of the channels, one after the other."""

    def __init__(self, writer: Writer, clock: Callable[[], float], deadline_s: float):
        self._writer = writer
        self._clock = clock
        self._deadline_s = deadline_s
        self._queue: deque[Pending] = deque()
        self._in_flight: list[Pending] = []
        self._bytes = 0
        self._committer: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._just_refused: set[tuple[str, str]] = set()
        """Channel and user of what expired in this turn of the loop, whose senders don't know yet."""

    def append(
        self, channel: str, user: dict[str, Any], id: str | None, data: bytes, is_state: bool = False, after: int | None = None
    ) -> "asyncio.Future[Receipt]":
        """Queues one message; the future brings what Log.append returns or raises."""
        if (channel, user["id"]) in self._just_refused:
            raise ProtocolError("after-refused")
        if len(self._queue) >= BACKLOG_MESSAGES or self._bytes + len(data) > BACKLOG_BYTES:
            raise Unavailable("Too many messages are waiting to be stored.")
        key = (channel, user["id"], id) if id is not None else None
        stored_id = id if id is not None else os.urandom(12).hex()
        pending = Pending(channel, user, stored_id, key, data, self._clock(), is_state, after)
        self._queue.append(pending)
        self._bytes += len(data)
        if self._committer is None:
            self._committer = asyncio.ensure_future(self._commit_all())
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._deadline_s / 5, self._expire)
        return pending.future

    async def close(self) -> None:
        while self._committer is not None:
            await asyncio.wait([self._committer])
        if self._watch is not None:
            self._watch.cancel()

    async def _commit_all(self) -> None:
        try:
            while self._queue:
                self._in_flight = self._take()
                try:
                    again = await self._writer.commit(self._in_flight)
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

    def _take(self) -> list[Pending]:
        """What goes into the next commit, out of the queue; of each channel in the order sent, one chunk's worth."""
        taken: list[Pending] = []
        left: list[Pending] = []
        room: dict[str, tuple[int, int]] = {}
        keys: set[tuple[str, str, str] | None] = set()
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
        loop = asyncio.get_running_loop()
        self._just_refused = refused
        loop.call_soon(refused.clear)  # by then each sender was woken
        self._watch = loop.call_later(self._deadline_s / 5, self._expire) if waiting else None
