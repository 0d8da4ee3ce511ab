"""Redis as the bus: what one process has stored it publishes, and the others deliver it. A doorbell, as the change stream is.

A packet is BSON on one of two channels, which each database has for itself:

anywire:DATABASE:log      p  the process that publishes
                          n  how many chunks it has published, with this one
                          d  the chunk (store/chunks.py, without k and t); a beat, every second, has none
anywire:DATABASE:notices  as store/notice_queue.py has them

Redis may lose packets without a word, and isn't asked to keep any. So whatever may be missing is looked for in the log: after a
hole in the numbers, a silence, a new connection, and every second for as long as the connection is down. That costs a message a
second at most, and Redis can't cost us one. No commit waits for it.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import bson
from pymongo.errors import PyMongoError

from protocol.hub import Hub
from protocol.message import Message
from store.arrivals import Arrivals
from store.beats import BEAT_S, Beats
from store.chunks import chunk_document
from store.notice_queue import NoticeQueue
from store.processes import Processes
from store.redis_link import LINK_ERRORS, RedisLink, address_of
from store.tasks import end

POLL_S = 1.0
"""How often the epoch is read, and all heads while the bus is down. A read of one small document is cheaper than a change stream of
each process, which looks at all that is written; and it also notices that MongoDB was away."""
WAITING_BYTES = 16 * 1024 * 1024
"""What waits for Redis; beyond it all of that is dropped, and found in the log."""
FIRST_BACK_OFF_S = 0.1
LAST_BACK_OFF_S = 5.0

STEADY_S = 10.0
"""A connection that lasted for so long was a good one: the next try needn't wait."""

logger = logging.getLogger("anywire.bus")


class RedisBus:
    def __init__(self, url: str, database: Any, hub: Hub, arrivals: Arrivals, processes: Processes, heard: Callable[[bytes], None]):
        """*heard* is called with each notice of other hosts. From now on *hub* tells us what this process stores."""
        self._url = url
        self._hub = hub
        self._arrivals = arrivals
        self._processes = processes
        self._log_channel = f"anywire:{database.name}:log"
        self._notices_channel = f"anywire:{database.name}:notices"
        self._notices = NoticeQueue(processes, self._send_notices, heard)
        self.tell, self.reaches_anybody = self._notices.tell, self._notices.reaches_anybody
        hub.committed = self._publish
        self._loop = asyncio.get_running_loop()
        self._beats = Beats(processes.process, self._loop.time)
        self._number = 0
        self._waiting: list[tuple[str, bytes]] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closing = False
        self._doubt = True
        """Whether something may be missing here."""
        self._cut_off = False
        """Whether MongoDB couldn't be read; then we may also have stored something without knowing."""
        self._up: bool | None = None
        """None until Redis was tried."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to connect; until that succeeds, and whenever it doesn't, the heads in the log are all that is needed."""
        self._tasks = [asyncio.ensure_future(self._keep_connected()), asyncio.ensure_future(self._watch())]

    async def close(self) -> None:
        """Sends what waits, if Redis takes it within a second; then hears and tells nothing more."""
        await self._notices.close()
        self._closing = True
        self._wake.set()
        if self._up:
            await asyncio.wait(self._tasks[:1], timeout=BEAT_S)
        for task in self._tasks:
            await end(task)
        self._hub.committed = None

    # what we say

    def _publish(self, channel: str, messages: list[Message]) -> None:
        """Never raises: what can't be said is a hole in our numbers, and the others look into the log."""
        self._number += 1
        if not self._up:
            return
        chunk = chunk_document(channel, self._hub.epoch, messages, [], 0, b"", self._processes.process)
        try:
            packet = bson.encode({"p": self._processes.process, "n": self._number, "d": chunk})
        except Exception:  # noqa: BLE001 - it is stored, and who stored it must be told so
            logger.exception("can't say what was stored")
            return
        self._put(self._log_channel, packet)

    async def _send_notices(self, document: dict[str, Any]) -> None:
        if self._up:
            self._put(self._notices_channel, bson.encode(document))

    def _put(self, channel: str, packet: bytes) -> None:
        if self._bytes > WAITING_BYTES:
            self._drop()
        self._waiting.append((channel, packet))
        self._bytes += len(packet)
        self._wake.set()

    def _drop(self) -> None:
        self._waiting, self._bytes = [], 0

    async def _speak(self, link: RedisLink) -> None:
        """Publishes what waits, and a beat each second; returns once the bus is closing and all is said."""
        beat_s = self._loop.time()
        while self._waiting or not self._closing:
            try:
                async with asyncio.timeout_at(beat_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            packets = self._waiting
            self._drop()
            if self._closing or self._loop.time() >= beat_s:
                packets.append((self._log_channel, bson.encode({"p": self._processes.process, "n": self._number})))
                beat_s = self._loop.time() + BEAT_S
            await link.publish(packets)

    # what we hear

    async def _listen(self, link: RedisLink) -> None:
        while True:
            channel, data = await link.hear()
            try:
                packet = bson.decode(data)
                if channel == self._notices_channel:
                    self._notices.take(packet)
                else:
                    self._take(packet)
            except Exception:  # noqa: BLE001 - one packet that can't be read must not end the bus for all that follow
                logger.exception("a packet was not understood")
                self._doubt = True

    def _take(self, packet: dict[str, Any]) -> None:
        process, chunk = packet["p"], packet.get("d")
        if self._beats.take(process, packet["n"], is_beat=chunk is None):
            logger.debug("a hole before number %d of another process", packet["n"])
            self._doubt = True
        if process not in self._processes.live():
            self._processes.look()
        if chunk is not None and process != self._processes.process:
            self._arrivals.take(chunk)

    # the connection

    async def _keep_connected(self) -> None:
        back_off_s = FIRST_BACK_OFF_S
        while not self._closing:
            began_s = self._loop.time()
            try:
                await self._talk()
            except LINK_ERRORS as error:
                self._say(False, error)
            except Exception as error:  # noqa: BLE001 - without this task there is no bus
                logger.exception("the connection to Redis failed in an unexpected way")
                self._say(False, error)
            self._drop()
            if self._loop.time() - began_s > STEADY_S:
                back_off_s = FIRST_BACK_OFF_S
            if not self._closing:
                await asyncio.sleep(back_off_s * random.uniform(0.5, 1))
            back_off_s = min(2 * back_off_s, LAST_BACK_OFF_S)

    async def _talk(self) -> None:
        """One connection, from beginning to end. Raises LINK_ERRORS."""
        link = RedisLink(self._url)
        tasks: list[asyncio.Task[None]] = []
        try:
            await link.open(self._log_channel, self._notices_channel)
            self._say(True)
            tasks = [asyncio.ensure_future(self._speak(link)), asyncio.ensure_future(self._listen(link))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await link.close()

    def _say(self, up: bool, error: Exception | None = None) -> None:
        """Notes whether Redis can be used; one line in the log for each change."""
        if up:
            self._doubt = True  # of what was said before we listened, nobody tells us
            logger.info("the bus is Redis at %s", address_of(self._url))
        elif self._up is not False:
            reason = f"{type(error).__name__}: {error}"
            logger.warning("Redis at %s is away (%s): the log is asked each second", address_of(self._url), reason)
        self._up = up

    # what may be missing

    async def _watch(self) -> None:
        while True:
            began_s = self._loop.time()
            is_doubtful = self._doubt or not self._up or self._beats.silent(self._processes.live())
            self._doubt = False
            try:
                if is_doubtful:
                    await self._arrivals.refresh()
                else:
                    await self._arrivals.check_epoch()
                if self._cut_off:
                    self._number += 1  # a hole for the others, who look into the log for what we stored without knowing
                    self._cut_off = False
            except PyMongoError as error:
                logger.debug("can't look into the log: %s", type(error).__name__)
                self._doubt = self._cut_off = True
            except Exception:  # noqa: BLE001 - the next look may do
                logger.exception("can't look into the log")
                self._doubt = True
            took_s = self._loop.time() - began_s
            await asyncio.sleep(POLL_S - took_s if took_s < POLL_S / 2 else POLL_S)
