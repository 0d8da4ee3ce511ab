"""Notices from process to process, such as a signal: best effort, never kept for long, never repeated.

h  the host of the sender, in hex
p  the process that sends
m  its notices, in order
t  when; what is older than a minute goes

What is told in one turn of the loop goes out together, and one sending is under way at most.
"""

import asyncio
import datetime
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from store.processes import Processes
from store.tasks import end

NOTICE_BYTES = 100 * 1024
WAITING_BYTES = 1024 * 1024
"""What waits while one sending is under way; beyond it the oldest go, since a late signal is worth less than a new one."""
SEND_S = 2.0
"""A sending that takes longer is given up."""
KEPT_S = 60
"""For how long MongoDB keeps a notice: a change stream that broke reads on from where it was."""

logger = logging.getLogger("anywire.notices")


class NoticeQueue:
    """The sending and the hearing side, for any kind of bus."""

    def __init__(self, processes: Processes, send: Callable[[dict[str, Any]], Awaitable[None]], heard: Callable[[bytes], None]):
        """*send* brings one document of notices to the others, and may raise anything; *heard* gets each notice of other hosts."""
        self._processes = processes
        self._send = send
        self._heard = heard
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def tell(self, notice: bytes) -> None:
        """Sends *notice* (100 KB at most) to the processes of other hosts, if there are any. May drop it; never blocks or raises."""
        if not self.reaches_anybody():
            return
        if len(notice) > NOTICE_BYTES:
            logger.debug("a notice of %d bytes is too large: dropped", len(notice))
            return
        self._waiting.append(notice)
        self._bytes += len(notice)
        while self._bytes > WAITING_BYTES:
            self._bytes -= len(self._waiting.popleft())
        if self._task is None:
            self._task = asyncio.ensure_future(self._send_all())  # begins in the next turn, with all that this one told

    def reaches_anybody(self) -> bool:
        """Whether other hosts live."""
        return bool(self._processes.others())

    def take(self, document: dict[str, Any]) -> None:
        """Passes on what a document of another host says."""
        if document["h"] == self._processes.host:
            return
        for notice in document["m"]:
            try:
                self._heard(notice)
            except Exception:  # noqa: BLE001 - one that can't be used must not end the bus
                logger.exception("a notice was not understood")

    async def close(self) -> None:
        """Gives up what waits."""
        if self._task is not None:
            await end(self._task)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                notices = list(self._waiting)
                self._waiting.clear()
                self._bytes = 0
                now = datetime.datetime.now(datetime.UTC)
                document = {"h": self._processes.host, "p": self._processes.process, "m": notices, "t": now}
                try:
                    async with asyncio.timeout(SEND_S):
                        await self._send(document)
                except Exception as error:  # noqa: BLE001 - best effort, whatever stands in its way
                    logger.debug("%d notices were dropped: %s", len(notices), type(error).__name__)
        finally:
            self._task = None
