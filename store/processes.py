"""Which server processes live, and on which host: each renews an entry in the database, by the database's clock alone.

_id    the process
h      its host, in hex: what shares one supervisor
until  it is taken for dead from then on, unless it has renewed its entry
"""

import asyncio
import logging
from typing import Any

from pymongo.errors import PyMongoError

from store.tasks import end

RENEW_S = 10.0
VALID_S = 30.0
RETRY_S = 1.0
"""While MongoDB is away."""
DEAD_S = 60
"""So long after its end a dead entry is removed."""

_UNTIL = {"$add": ["$$NOW", int(VALID_S * 1000)]}
_LIVE: dict[str, Any] = {"$expr": {"$gte": ["$until", "$$NOW"]}}

logger = logging.getLogger("anywire.processes")


class Processes:
    def __init__(self, database: Any, process: bytes, host: str):
        """*process* is a few random bytes that no other process has; *host* says with whom it shares a supervisor."""
        self.process = process
        self.host = host
        self._processes = database.processes
        self._live: dict[bytes, str] = {}
        self._others: set[bytes] = set()
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Makes our entry, and learns who else is there. Raises PyMongoError."""
        await self._renew()
        await self._read()
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Removes our entry, so that nobody waits for its end."""
        if self._task is not None:
            await end(self._task)
        try:
            await self._processes.delete_one({"_id": self.process})
        except PyMongoError as error:
            logger.debug("our entry stays until its time is over: %s", type(error).__name__)

    def others(self) -> set[bytes]:
        """The live processes of other hosts, as last read."""
        return self._others

    def live(self) -> set[bytes]:
        """All live processes, this one too, as last read."""
        return set(self._live)

    def look(self) -> None:
        """Reads again who lives, soon: somebody came or went."""
        self._look.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + RENEW_S
        while True:
            try:
                async with asyncio.timeout_at(due_s):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            try:
                if loop.time() >= due_s:
                    await self._renew()
                    due_s = loop.time() + RENEW_S
                await self._read()
            except PyMongoError as error:
                logger.debug("can't tell who lives: %s", type(error).__name__)
                due_s = loop.time() + RETRY_S

    async def _renew(self) -> None:
        entry = [{"$set": {"h": self.host, "until": _UNTIL}}]
        result = await self._processes.update_one({"_id": self.process}, entry, upsert=True)
        if result.upserted_id is not None:  # at the start, and after the database was dropped
            await self._processes.create_index("until", expireAfterSeconds=DEAD_S, name="dead")

    async def _read(self) -> None:
        self._live = {entry["_id"]: entry["h"] async for entry in self._processes.find(_LIVE, {"h": 1})}
        self._others = {process for process, host in self._live.items() if host != self.host}
