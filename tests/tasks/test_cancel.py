"""A cancel ends a task soon, and what it has brought by then is kept and told."""

import asyncio
import time

import pytest

import tasks.runner
from protocol.progress import Change
from store.leases import Leases
from tasks.runner import ENDING_S, LOOK_EVERY_S
from tests.tasks.workshop import workshop


@pytest.fixture
def driver() -> str:
    """One of the two; takeovers are tested with the other."""
    return "motor"


@pytest.mark.gen_test(timeout=20)
async def test_a_cancel_interrupts_a_long_wait(database, register):
    left = asyncio.Event()

    async def waiting(run):
        yield {"number": 0}
        try:
            await asyncio.sleep(60)
        finally:
            left.set()

    async with workshop(database) as shop:
        id = await shop.begin(register(waiting), await shop.upload(b"a\n1\n"))
        await shop.some(id, 1)
        began_s = time.monotonic()
        await shop.jobs.update(id, Change(state="cancelled"))
        await left.wait()
        assert time.monotonic() - began_s < LOOK_EVERY_S + ENDING_S + 1
        await shop.idle()
        job = (await shop.jobs.get(id)).job
        assert (job.state, job.items) == ("cancelled", 1)
        assert await database["uploads.chunks"].count_documents({}) == 0
        assert "holder" not in await shop.lease(id)


@pytest.mark.gen_test(timeout=20)
async def test_what_is_about_to_be_brought_at_a_cancel_is_brought(database, register):
    is_working = asyncio.Event()

    async def slow(run):
        yield {"number": 0}
        is_working.set()
        await asyncio.sleep(LOOK_EVERY_S + ENDING_S / 4)  # for so long it stores something
        yield [{"number": number} for number in range(1, 1200)]
        await asyncio.Event().wait()

    async with workshop(database) as shop:
        id = await shop.begin(register(slow))
        await is_working.wait()
        await shop.some(id, 1)
        await shop.jobs.update(id, Change(state="cancelled"))
        await shop.runner.left(id)
        assert len(await shop.brought(id)) == 1200
        assert "holder" not in await shop.lease(id)


@pytest.mark.gen_test(timeout=20)
async def test_a_job_that_was_cancelled_before_its_task_began_brings_nothing(database, register):
    async def quick(run):
        yield {"number": 0}

    async with workshop(database) as shop:
        made = await shop.make(register(quick))
        await shop.jobs.update(made.id, Change(state="cancelled"))
        await database.jobs.update_one({"_id": made.id}, {"$set": {"running": True}})  # as where the server was killed just then
        shop.runner.run(made)
        await shop.idle()
        assert (await shop.lease(made.id))["claims"] == 1 and await shop.brought(made.id) == []


@pytest.mark.gen_test(timeout=20)
async def test_nobody_waits_for_ever_for_a_process_that_died(database, register, monkeypatch):
    monkeypatch.setattr(tasks.runner, "LEFT_WITHIN_S", 0.3)

    async def quick(run):
        yield {"number": 0}

    async with workshop(database) as shop:
        made = await shop.make(register(quick))
        began_s = time.monotonic()
        await shop.runner.left(made.id)
        assert time.monotonic() - began_s < 0.3
        await Leases(database, b"dead").claim(made.id)
        await shop.runner.left(made.id)
        assert time.monotonic() - began_s >= 0.3
