"""Between the log and the hub: fills holes, and finds where subscriptions begin.

After a restart everybody comes at once: who needs the same of the log shares one read of it (store/shared.py), and different
reads take turns (store/turns.py).
"""

import asyncio
import logging
import time
from collections.abc import Callable

from pymongo.errors import PyMongoError

from protocol.channel import MESSAGE_OVERHEAD_BYTES, ChannelLog
from protocol.codes import Unavailable
from protocol.hub import Hub
from protocol.message import Message
from protocol.positions import Next, Position, Start
from protocol.resume import Bounds, Resolution, resolve
from protocol.session import Page, Read
from store.outage import Outage
from store.reader import Reader
from store.shared import Shared
from store.tasks import end
from store.turns import Turns

HOLE_MESSAGES = 2000
"""A larger hole isn't filled in memory: whoever follows reads the log at his own pace."""
FIRST_BYTES = 32 * 1024
"""Of the newest messages, read with a channel's head: a page of chat that most who come will ask for."""
CONFIRM_S = 2.0
"""PROTOCOL section 3: what can't be confirmed within 2 s is answered by 503."""
RETRY_S = 0.2
KEEP_S = 1.0
"""What was read for one stays so long for the next: clients notice a restart within some hundred ms of each other. Of what is kept
nothing becomes wrong: a page stays what it was, and a floor that has risen meanwhile shows as a gap in the page that is read then."""
PAGES_BYTES = 16 * 1024 * 1024
BOUNDS_BYTES = 1024
"""What an entry takes."""
REFRESHES = 10
"""Heads that are read at once, of half of the client's connections: commits need theirs."""

logger = logging.getLogger("anywire.feed")


class Feed:
    def __init__(self, reader: Reader, hub: Hub):
        self._reader = reader
        self._hub = hub
        self._fills: dict[str, asyncio.Task[None]] = {}
        self._heads: dict[str, asyncio.Task[None]] = {}
        self._turns = Turns()
        self._outage = Outage(logger, "the log can't be read")
        self._pages: Shared[Page] = Shared(KEEP_S, PAGES_BYTES, _size)
        self._bounds: Shared[Bounds] = Shared(KEEP_S, PAGES_BYTES, lambda _: BOUNDS_BYTES)

    @property
    def wait_s(self) -> float:
        """How long a read will have to wait for its turn."""
        return self._turns.wait_s

    async def locate(self, channel: str, start: Start) -> tuple[ChannelLog, Resolution]:
        """The channel's log, with its head known, and where a subscription from *start* begins.

        There is no await between the resolution and the return: attach before the next one. Raises Unavailable.
        """
        began_s = time.monotonic()
        try:
            log = await self._known(channel)
            resolution = resolve(start, self._hub.epoch, log)
            if log.held is not None and not (isinstance(start, Position) and resolution):  # who comes anew gets the newest
                self._hub.release(channel)
                resolution = resolve(start, self._hub.epoch, log)
            if resolution is None:
                bounds = await self._bounds_for(channel, start, log)
                self._outage.worked(began_s)
                async with asyncio.timeout(CONFIRM_S):
                    log = await self._catch_up(channel, bounds)
                resolution = resolve(start, self._hub.epoch, log, bounds)
                assert resolution is not None
            return log, resolution
        except (PyMongoError, TimeoutError) as error:
            self._outage.failed(error, began_s)
            raise Unavailable() from error

    def locate_now(self, channel: str, start: Start) -> tuple[ChannelLog, Resolution] | None:
        """As `locate`, where memory can tell; else None."""
        log = self._hub.log(channel)
        if log.head is None or log.held is not None:
            return None
        resolution = resolve(start, self._hub.epoch, log)
        return None if resolution is None else (log, resolution)

    async def newest(self, channel: str) -> Message | None:
        """The channel's newest message, None in an empty one. Raises Unavailable."""
        await self.locate(channel, Next())  # from now on the hub is told
        newest = self._hub.newest(channel)
        if newest is None and self._hub.head(channel):
            try:
                newest = next(reversed((await self._reader.newest(channel, 0))[1]), None)
            except PyMongoError as error:
                raise Unavailable() from error
        return newest

    def page_now(self, read: Read, max_bytes: int) -> Page | None:
        """As `page`, where it was read a moment ago; else None."""
        return self._pages.now((self._reader.epoch, read, max_bytes))

    def costs(self, read: Read, max_bytes: int) -> bool:
        """False where `page` needs no further read of the log."""
        return not self._pages.is_shared((self._reader.epoch, read, max_bytes))

    async def page(self, read: Read, max_bytes: int, charge: Callable[[int], None] = lambda size: None) -> Page:
        """*charge* is called with the bytes, where they were read for this caller. Raises Unavailable."""

        async def ask() -> Page:
            began_s = time.monotonic()
            try:
                async with self._turns.turn():
                    page = await self._reader.page(read.channel, read.after, max_bytes)
            except TimeoutError as error:
                raise Unavailable() from error
            self._outage.worked(began_s)
            charge(sum(len(message.payload) for message in page.messages))
            return page

        return await self._pages.get((self._reader.epoch, read, max_bytes), ask)

    def fill(self, channel: str) -> None:
        """Begins to read what is missing between the head in memory and what was heard of, unless that is under way."""
        if channel not in self._fills:
            task = asyncio.ensure_future(self._fill(channel))
            self._fills[channel] = task
            task.add_done_callback(lambda _: self._fills.pop(channel, None))

    async def close(self) -> None:
        """Gives up what is being read."""
        for task in [*self._fills.values(), *self._heads.values()]:
            await end(task)
        await self._pages.close()
        await self._bounds.close()

    async def refresh(self, channel: str) -> None:
        """Asks the log for the channel's head, since the bus may have missed something. Raises PyMongoError."""
        head = await self._reader.head(channel)
        if self._hub.head(channel) is not None:
            self._hub.learn(channel, head)

    async def _bounds_for(self, channel: str, start: Start, log: ChannelLog) -> Bounds:
        """What is needed to resolve *start*. Raises PyMongoError, TimeoutError."""
        if not isinstance(start, Position):
            return await self._read_bounds(channel)
        if start.epoch == self._hub.epoch and start.offset > (log.head or 0):  # only a read that begins now can tell
            return await self._read_bounds(channel, confirmed=True)
        return await self._bounds.get((self._reader.epoch, channel), lambda: self._read_bounds(channel))

    async def _read_bounds(self, channel: str, *, confirmed: bool = False) -> Bounds:
        async with self._turns.turn(), asyncio.timeout(CONFIRM_S):
            return await self._reader.bounds(channel, confirmed=confirmed)

    async def refresh_all(self) -> None:
        """Compares all that is held with the log. What nobody follows is forgotten, so that who comes next asks anew.

        A channel that fails keeps no other one waiting. Raises the first failure, a PyMongoError, at the end.
        """
        self._hub.forget_idle()
        waiting = [*dict.fromkeys([*self._hub.followed(), *self._heads])]
        failures: list[PyMongoError] = []

        async def refresh_some() -> None:
            while waiting:
                channel = waiting.pop()
                try:
                    if channel in self._heads:  # this reading may have begun before what was missed
                        await asyncio.wait([self._heads[channel]])
                    await self.refresh(channel)
                except PyMongoError as error:
                    failures.append(error)

        await asyncio.gather(*(refresh_some() for _ in range(REFRESHES)))
        if failures:
            raise failures[0]

    async def _catch_up(self, channel: str, bounds: Bounds) -> ChannelLog:
        while True:
            await self._known(channel)  # the hub may have let go of it meanwhile, and a head alone doesn't tell which kind it is
            log = self._hub.learn(channel, bounds.head)
            if log.head is not None and log.head >= bounds.head:
                return log
            self.fill(channel)
            await asyncio.wait([self._fills[channel]])

    async def _known(self, channel: str) -> ChannelLog:
        """The channel's log with its head, which all who ask meanwhile read together. Raises PyMongoError."""
        while (log := self._hub.log(channel)).head is None:
            reading = self._heads.get(channel)
            if reading is None:
                reading = self._heads[channel] = asyncio.ensure_future(self._learn(channel))
                reading.add_done_callback(lambda ended: self._learned(channel, ended))
            await asyncio.wait([reading])
            reading.result()
        return log

    def _learned(self, channel: str, ended: asyncio.Task[None]) -> None:
        del self._heads[channel]
        if not ended.cancelled():
            ended.exception()  # whoever waited may have given up before it failed: then nobody else asks for it

    async def _learn(self, channel: str) -> None:
        began_s = time.monotonic()
        async with self._turns.turn(), asyncio.timeout(CONFIRM_S):
            found = await self._reader.newest(channel, FIRST_BYTES)
        self._outage.worked(began_s)
        self._hub.learn(channel, *found)

    async def _fill(self, channel: str) -> None:
        # asked for anew each time: the hub may let go of a log, and the log may begin another life
        while (log := self._hub.log(channel)).head is not None and log.has_hole:
            began_s = time.monotonic()
            try:
                before = log.head
                is_large = log.heard - log.head > HOLE_MESSAGES
                if not log.is_state and not is_large:
                    async for chunk in self._reader.chunks(channel, log.head):
                        self._hub.deliver(channel, chunk.messages)
                if log.head == before:
                    # of states only the newest is wanted; and what lies behind a head that nothing follows was trimmed
                    head, newest = await self._reader.newest(channel, 0)
                    if newest and newest[-1].is_state:
                        self._hub.deliver(channel, newest)
                        self._hub.release(channel)
                    else:
                        self._hub.jump(channel, max(head, log.heard) if is_large else head)
                        await asyncio.sleep(0 if is_large else RETRY_S)
                self._outage.worked(began_s)
            except PyMongoError as error:
                self._outage.failed(error, began_s)
                await asyncio.sleep(RETRY_S)
            except Exception:  # noqa: BLE001 - who follows would wait for ever
                logger.exception("can't fill a hole in %s", channel)
                await asyncio.sleep(RETRY_S)


def _size(page: Page) -> int | None:
    """Bytes; an empty page is of a reader that lagged, and isn't kept."""
    return sum(len(message.payload) + MESSAGE_OVERHEAD_BYTES for message in page.messages) or None
