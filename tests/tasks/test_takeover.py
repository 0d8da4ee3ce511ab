"""What is interrupted goes on, here or in another process; nothing is brought twice or lost, whoever believes to work on it."""

import asyncio
import time

import pytest
from pymongo.errors import AutoReconnect

import store.leases
import store.uploads
import tasks.runner
from protocol.progress import Change
from tasks.runner import MAX_CLAIMS
from tests.tasks.workshop import two_workshops, workshop

LEASE_S = 1.0
SWEEP_S = 0.1


@pytest.fixture
def driver() -> str:
    """One of the two; what a task does is tested with the other, and so are handlers and faults."""
    return "pymongo"


@pytest.fixture
def steps(register):
    """A task of *count* steps that shows where it was taken up."""

    async def steps(run):
        begun_at = run.skip
        run.total = run.input["count"]
        for number in range(run.skip, run.total):
            await asyncio.sleep(run.input.get("wait_s", 0.01))
            yield {"number": number, "from": begun_at, "ok": number % 7 != 0}
        run.result = {"failed": run.failed}

    return register(steps)


@pytest.fixture
def brisk(monkeypatch):
    """Leases and the search for free ones take a fraction of their time."""
    monkeypatch.setattr(store.leases, "_UNTIL", {"$add": ["$$NOW", int(LEASE_S * 1000)]})
    monkeypatch.setattr(tasks.runner, "LEASE_S", LEASE_S)
    monkeypatch.setattr(tasks.runner, "SWEEP_S", SWEEP_S)


@pytest.mark.gen_test(timeout=30)
async def test_a_stopped_process_hands_its_tasks_over_at_once(connection, steps):
    async with two_workshops(connection) as (one, two):
        id = await one.begin(steps, count=120)
        await one.some(id, 20)
        began_s = time.monotonic()
        await one.runner.close()
        assert time.monotonic() - began_s < 1
        assert "holder" not in await one.lease(id)
        two.runner.start()  # which looks for such tasks first
        await two.when(id, state="done")
        assert time.monotonic() - began_s < 120 * 0.02 + 1.5
        items = await two.brought(id)
        assert [item["number"] for item in items] == list(range(120))
        places = sorted({item["from"] for item in items})
        assert len(places) == 2 and places[1] >= 20
        assert (await two.jobs.get(id)).job.result == {"failed": 18}
        await two.idle()
        assert (await two.lease(id))["claims"] == 2


@pytest.mark.gen_test(timeout=30)
async def test_a_lease_is_waited_for(connection, steps, brisk):
    """As after SIGKILL: nobody gave it back."""
    async with two_workshops(connection) as (one, two):
        made = await one.make(steps, count=3)
        assert await one.runner._leases.claim(made.id) == 1
        two.runner.run(made)
        await two.idle()
        two.runner.start()
        began_s = time.monotonic()
        await asyncio.sleep(LEASE_S / 2)
        assert (await two.jobs.get(made.id)).job.items is None
        await two.when(made.id, state="done")
        assert time.monotonic() - began_s < LEASE_S + SWEEP_S + 1


@pytest.mark.gen_test(timeout=30)
async def test_one_of_two_begins(connection, steps):
    async with two_workshops(connection) as shops:
        ids = [(await shops[0].make(steps, count=30)) for _ in range(8)]
        for made in ids:
            for shop in shops:
                shop.runner.run(made)
        for made in ids:
            await shops[0].when(made.id, state="done")
            assert {item["from"] for item in await shops[0].brought(made.id)} == {0}
            assert (await shops[0].lease(made.id))["claims"] == 1


@pytest.mark.gen_test(timeout=30)
async def test_two_that_believe_in_one_lease_do_no_harm(connection, steps, brisk):
    """As when a process stood still for longer than a lease: it goes on until it looks, beside the one that has taken over."""
    async with two_workshops(connection) as (one, two):
        made = await one.make(steps, count=400, wait_s=0.002)
        one.runner.run(made)
        await one.some(made.id, 20)
        for shop in (two, one, two):
            await one.database.jobs.update_one({"_id": made.id}, {"$unset": {"until": ""}})
            shop.runner.run(made)
            await asyncio.sleep(0.15)
        for shop in (one, two):
            shop.runner.start()
        await two.when(made.id, state="done")
        items = await two.brought(made.id)
        assert [item["number"] for item in items] == list(range(400))
        states = [state["data"] for state in await two.office.states(made.id)]
        assert [state["state"] for state in states].count("done") == 1
        assert states[-1]["result"] == {"failed": 58} and states[-1]["items"] == 400
        assert (await two.lease(made.id))["claims"] >= 2


@pytest.mark.gen_test(timeout=30)
async def test_items_whose_answer_was_lost_are_stored_once(database, steps, brisk):
    async with workshop(database) as shop:
        append = shop.items.append
        lost = []

        async def losing(*arguments):
            await append(*arguments)
            if len(lost) < 3:
                lost.append(arguments)
                raise AutoReconnect("the answer was lost")

        shop.items.append = losing
        shop.runner.start()
        id = await shop.begin(steps, count=100)
        await shop.when(id, state="done", within_s=20)
        assert len(lost) == 3 and len(await shop.brought(id)) == 100
        assert (await shop.jobs.get(id)).job.result == {"failed": 15}


@pytest.mark.gen_test(timeout=30)
async def test_what_brings_every_process_down_is_given_up(database, steps):
    async with workshop(database) as shop:
        made = await shop.make(steps, count=3)
        await database.jobs.update_one({"_id": made.id}, {"$set": {"claims": MAX_CLAIMS}})
        shop.runner.run(made)
        job = await shop.ended(made.id)
        assert (job.state, job.result["error"]["code"]) == ("failed", "interrupted")


@pytest.mark.gen_test(timeout=30)
async def test_a_job_that_is_gone_keeps_no_other_from_going_on(database, steps):
    async with workshop(database) as shop:
        gone, odd, other = [await shop.make(steps, count=3) for _ in range(3)]
    await database.log.delete_many({"_id.c": f"job:{gone.id}"})
    await database.channels.insert_one({"_id": f"job:{gone.id}", "e": shop.office.process.reader.epoch, "head": 9, "floor": 9})
    await database.jobs.update_one({"_id": odd.id}, {"$set": {"new": b"{}"}})
    async with workshop(database) as later:
        later.runner.start()
        await later.when(other.id, state="done")


@pytest.mark.gen_test(timeout=30)
async def test_a_cancel_reaches_a_task_that_nobody_works_on(database, steps):
    async with workshop(database) as shop:
        made = await shop.make(steps, count=3)
        await shop.jobs.update(made.id, Change(state="cancelled"))
        shop.runner.start()
        shop.runner.run(made)
        await shop.idle()
        assert (await shop.jobs.get(made.id)).job.items is None


# uploads


@pytest.mark.gen_test(timeout=30)
async def test_uploads_are_kept_for_as_long_as_a_job_needs_them(database, steps, monkeypatch):
    async with workshop(database) as shop:
        needed, ended, left = [await shop.upload(b"x" * 1_500_000) for _ in range(3)]
        half = shop.uploads.open()
        await half.write(b"x" * 3_000_000)  # and then its process was killed
        await shop.make(steps, upload=needed, count=1)
        gone = await shop.make(steps, upload=ended, count=1)
        await shop.jobs.update(gone.id, Change(state="cancelled"))
        await shop.uploads.sweep()  # all of them are new
        assert await database["uploads.files"].count_documents({}) == 3
        monkeypatch.setattr(store.uploads, "KEEP_S", -5)
        await shop.uploads.sweep()
        assert [str(id) for id in await database["uploads.chunks"].distinct("files_id")] == [needed.id]
        assert [str(document["_id"]) async for document in database["uploads.files"].find()] == [needed.id]
        assert left.id != needed.id


@pytest.mark.gen_test(timeout=30)
async def test_an_upload_that_is_gone_is_a_plain_error(database):
    async with workshop(database) as shop:
        upload = await shop.upload(b"a\n1\n")
        await shop.uploads.delete(upload.id)
        await shop.uploads.delete(upload.id)
        job = await shop.ended(await shop.begin("import", upload))
        assert (job.state, job.result["error"]["code"]) == ("failed", "upload-lost")


@pytest.mark.gen_test(timeout=30)
async def test_an_import_is_cleared_away(database):
    async with workshop(database) as shop:
        id = await shop.begin("import", await shop.upload(b"a,b\n1,2\n3\n4,5\n"))
        job = await shop.ended(id)
        assert (job.state, job.result) == ("done", {"imported": 2, "refused": 1})
        await shop.idle()
        assert await database["uploads.chunks"].count_documents({}) == await database["uploads.files"].count_documents({}) == 0
        stored = {document["_id"]: document["d"] async for document in database.records.find()}
        assert stored == {f"{id}-0": {"a": "1", "b": "2"}, f"{id}-2": {"a": "4", "b": "5"}}


def test_the_limits_are_the_documented_ones():
    assert (tasks.runner.MAX_RUNNING, tasks.runner.MAX_OF_USER) == (64, 4)
