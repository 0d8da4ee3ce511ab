"""Who lives: each process renews its entry, and is forgotten when it no longer does."""

import asyncio

import pytest

from store import processes as module
from store.processes import Processes
from tests.store.processes import Process
from tests.store.waiting import until


@pytest.fixture
def quick(monkeypatch):
    """Entries are renewed every 0.1 s."""
    monkeypatch.setattr(module, "RENEW_S", 0.1)


async def started(database, process: bytes, host: str) -> Processes:
    made = Processes(database, process, host)
    await made.start()
    return made


@pytest.mark.gen_test(timeout=10)
async def test_others_are_those_of_other_hosts(database, quick):
    one, two, three = [await started(database, *of) for of in ((b"p1", "a"), (b"p2", "a"), (b"p3", "b"))]
    await until(lambda: all(each.live() == {b"p1", b"p2", b"p3"} for each in (one, two, three)))
    assert (one.others(), two.others(), three.others()) == ({b"p3"}, {b"p3"}, {b"p1", b"p2"})
    await three.close()
    await until(lambda: one.live() == two.live() == {b"p1", b"p2"})
    assert one.others() == set()
    await one.close()
    await two.close()


@pytest.mark.gen_test(timeout=10)
async def test_a_killed_process_is_dead_when_its_time_is_over(database, quick):
    one, two = await started(database, b"p1", "a"), await started(database, b"p2", "b")
    two._task.cancel()  # as SIGKILL: its entry stays
    await until(lambda: one.others() == {b"p2"})
    await asyncio.sleep(0.3)
    assert one.others() == {b"p2"}
    await database.processes.update_one({"_id": b"p2"}, [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}])  # thirty seconds later
    await until(lambda: one.others() == set())
    assert one.live() == {b"p1"}
    await one.close()


@pytest.mark.gen_test(timeout=10)
async def test_an_entry_holds_for_thirty_seconds_and_is_removed_a_minute_after(database, quick):
    one = await started(database, b"p1", "a")
    first = await database.processes.find_one({"_id": b"p1"})
    now = (await database.command("hello"))["localTime"]
    assert 28 < (first["until"] - now).total_seconds() <= 30
    await asyncio.sleep(0.3)
    assert (await database.processes.find_one({"_id": b"p1"}))["until"] > first["until"]
    index = (await database.processes.index_information())["dead"]
    assert index["expireAfterSeconds"] == 60 and index["key"] == [("until", 1)]
    await one.close()
    assert await database.processes.count_documents({}) == 0


@pytest.mark.gen_test(timeout=10)
async def test_an_entry_that_was_dropped_is_made_again(connection, quick):
    one = await started(connection.database, b"p1", "a")
    await connection.writer.drop_database(connection.database.name)
    await asyncio.sleep(0.5)
    assert await connection.database.processes.count_documents({"_id": b"p1"}) == 1
    assert "dead" in await connection.database.processes.index_information()
    await one.close()


@pytest.mark.gen_test(timeout=15)
async def test_the_change_stream_tells_at_once_who_came_and_went(connection):
    process = await Process.make(connection.database, b"p1")
    bus = process.bus(connection.watcher.get_database(connection.database.name))
    await process.processes.start()
    await bus.start()
    two = await started(connection.database, b"p2", "b")
    await until(lambda: process.processes.others() == {b"p2"}, 2.0)  # not in ten seconds
    await two.close()
    await until(lambda: process.processes.others() == set(), 2.0)
    await bus.close()
    await process.processes.close()
