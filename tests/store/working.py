"""What the tests of jobs share: a process with its jobs, and how a job's channel reads."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from protocol.progress import NewJob
from store.job_channel import Ways
from store.jobs import Jobs
from tests.store.processes import ANNA, Process

ONE_DRIVER = pytest.mark.parametrize("driver", ["motor"], indirect=True)
"""For what takes its time, and is no matter of the driver."""
HUNDRED = NewJob("Import", total=100, unit="rows")


class Office:
    """A process, its jobs, and the bus that tells it of others where *watched* is given."""

    def __init__(self, process: Process, stalled_s: float):
        self.process = process
        self.jobs = Jobs(process.database, Ways(process.log, process.feed, process.hub), keep_days=30, stalled_s=stalled_s)

    async def make(self, new: NewJob = HUNDRED, user: dict[str, str] = ANNA) -> str:
        """A new job's id."""
        id = secrets.token_hex(8)
        await self.jobs.create(id, user, new)
        return id

    async def states(self, id: str) -> list[dict[str, Any]]:
        """All that the log holds of a job, oldest first."""
        found = []
        async for chunk in self.process.reader.chunks(f"job:{id}", 0):
            found.extend(msgspec.json.decode(message.payload) for message in chunk.messages)
        return found

    async def written(self, id: str, within_s: float = 10, **fields: object) -> dict[str, Any]:
        """The newest state in the log, once it has these fields."""
        async with asyncio.timeout(within_s):
            while True:
                for newest in (await self.states(id))[-1:]:
                    if all(newest["data"][name] == value for name, value in fields.items()):
                        return newest
                await asyncio.sleep(0.02)

    def is_writing(self, id: str) -> bool:
        return self.jobs._known[id][1]._writing is not None

    def hurry(self, id: str) -> None:
        """Has what is pending written now."""
        self.jobs._known[id][1].hurry()

    def renew(self, epoch: str) -> None:
        """As server.py does when the log has begun another life."""
        self.process.reader.epoch = epoch
        self.process.writer.renew()
        self.process.hub.renew(epoch)


@contextlib.asynccontextmanager
async def office(
    database: Any, name: bytes = b"p1", *, watched: Any = None, stalled_s: float = 30, **limits: float
) -> AsyncIterator[Office]:
    made = Office(await Process.make(database, name, **limits), stalled_s)
    await made.jobs.start()
    async with listening(watched, made):
        try:
            yield made
        finally:
            await made.jobs.close()
            await made.process.feed.close()


@contextlib.asynccontextmanager
async def two_offices(connection: Any, *, bus: bool = True, **options: Any) -> AsyncIterator[tuple[Office, Office]]:
    """Two processes on one database; without a bus neither hears of what the other writes."""
    watched = connection.watcher.get_database(connection.database.name) if bus else None
    async with (
        office(connection.database, b"p1", **options) as one,
        office(connection.database, b"p2", **options) as two,
        listening(watched, one, two),
    ):
        yield one, two


@contextlib.asynccontextmanager
async def listening(watched: Any, *offices: Office) -> AsyncIterator[None]:
    """With a bus each, where *watched* is given; they end together, since each takes half a second."""
    buses = [one.process.bus(watched) for one in offices] if watched is not None else []
    for bus in buses:
        await bus.start()
    try:
        yield
    finally:
        await asyncio.gather(*(bus.close() for bus in buses))


def check_history(states: list[dict[str, Any]]) -> None:
    """Nothing goes back, and what has ended stays."""
    for before, after in zip(states, states[1:], strict=False):
        assert after["offset"] == before["offset"] + 1
        assert before["data"]["state"] in ("running", "stalled")
        assert after["data"]["done"] >= before["data"]["done"]
        assert after["data"]["percent"] >= before["data"]["percent"]
        assert after["data"]["updated"] >= before["data"]["updated"]
        assert (after["data"]["seq"] or 0) >= (before["data"]["seq"] or 0)
