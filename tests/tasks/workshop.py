"""A process that runs tasks, and what has to be true of a job whatever became of the processes that worked on it."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

from protocol.progress import Job, NewJob
from store.items import Items
from store.jobs import Made
from store.leases import Leases
from store.records import Records
from store.uploads import Upload, Uploads
from tasks.runner import Runner
from tests.store.processes import ANNA
from tests.store.working import Office, office, two_offices


class Workshop:
    def __init__(self, office: Office):
        database, name = office.process.database, office.process.name
        self.database = database
        self.office = office
        self.jobs = office.jobs
        self.items = Items(database, keep_days=30)
        self.uploads = Uploads(database)
        self.records = Records(database)
        self.runner = Runner(self.jobs, self.items, Leases(database, name), self.records, self.uploads)

    async def make(self, task: str, upload: Upload | None = None, user: dict[str, str] = ANNA, **given: Any) -> Made:
        """A job of *task* that nobody works on yet."""
        about = {"id": upload.id, "format": "csv", "size": upload.size} if upload else None
        asked = {"name": task, "digest": "", "input": json.dumps(given).encode(), "upload": about}
        made, _, _ = await self.jobs.create(secrets.token_hex(8), user, NewJob("A test"), asked)
        return made

    async def begin(self, task: str, upload: Upload | None = None, user: dict[str, str] = ANNA, **given: Any) -> str:
        made = await self.make(task, upload, user, **given)
        self.runner.run(made)
        return made.id

    async def when(self, id: str, within_s: float = 10, **fields: object) -> Job:
        """The job, once it has these fields."""
        async with asyncio.timeout(within_s):
            while True:
                job = (await self.jobs.get(id)).job
                if all(getattr(job, name) == value for name, value in fields.items()):
                    return job
                await asyncio.sleep(0.005)

    async def ended(self, id: str, within_s: float = 10) -> Job:
        async with asyncio.timeout(within_s):
            while not (job := (await self.jobs.get(id)).job).is_final:
                await asyncio.sleep(0.005)
        return job

    async def some(self, id: str, count: int, within_s: float = 10) -> None:
        """Returns once the state counts so many items."""
        async with asyncio.timeout(within_s):
            while ((await self.jobs.get(id)).job.items or 0) < count:
                await asyncio.sleep(0.005)

    async def brought(self, id: str) -> list[dict[str, Any]]:
        """The job's items; each is there once, in order."""
        items = [json.loads(item) for item in (await self.items.page(id, -1, 10**6, 10**9)).items]
        assert [item["index"] for item in items] == list(range(len(items)))
        return items

    async def lease(self, id: str) -> dict[str, Any]:
        found = await self.database.jobs.find_one({"_id": id}, {"holder": 1, "until": 1, "claims": 1, "running": 1})
        return dict(found)

    async def idle(self, within_s: float = 10) -> None:
        """Returns once nothing runs here."""
        async with asyncio.timeout(within_s):
            while self.runner._held:
                await asyncio.sleep(0.005)

    async def upload(self, content: bytes) -> Upload:
        writing = self.uploads.open()
        await writing.write(content)
        return await writing.close()


@contextlib.asynccontextmanager
async def workshop(database: Any, **options: Any) -> AsyncIterator[Workshop]:
    async with office(database, **options) as made:
        shop = Workshop(made)
        await shop.items.start()
        try:
            yield shop
        finally:
            await shop.runner.close()


@contextlib.asynccontextmanager
async def two_workshops(connection: Any) -> AsyncIterator[tuple[Workshop, Workshop]]:
    async with two_offices(connection) as offices:
        one, two = map(Workshop, offices)
        try:
            yield one, two
        finally:
            await one.runner.close()
            await two.runner.close()
