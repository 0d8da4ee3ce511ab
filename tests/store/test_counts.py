"""Counts: merged in memory, written as one document a day, kept over whatever happens to MongoDB, dropped when they are old."""

import asyncio

import pytest
from pymongo.errors import WriteError

from store.counts import KEEP_DAYS, Counts

NOON_MS = 1_795_780_800_000
"""2026-11-27, 12:00 UTC."""
DAY_MS = 86_400_000


class Clock:
    ms = NOON_MS

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def updates(database) -> int:
    """How many MongoDB has done since its start."""
    return (await database.command("serverStatus"))["opcounters"]["update"]


@pytest.mark.gen_test(timeout=20)
async def test_what_is_added_is_there(database, clock):
    counts = Counts(database, wall_ms=clock)
    counts.add("reports")
    counts.add("verdicts", "long-poll", "captive-portal")
    counts.add("verdicts", "long-poll", "captive-portal")
    expected = [{"_id": "2026-11-27", "reports": 1, "verdicts": {"long-poll": {"captive-portal": 2}}}]
    assert await counts.since("2026-11-27") == expected
    assert await Counts(database, wall_ms=clock).since(counts.day(29)) == expected
    assert await counts.since("2026-11-28") == []


@pytest.mark.gen_test(timeout=20)
async def test_ten_thousand_cost_one_update_and_none_costs_nothing(database, clock):
    counts = Counts(database, wall_ms=clock)
    before = await updates(database)
    for _ in range(10_000):
        counts.add("reports")
        counts.add("verdicts", "websocket", "swallowed")
    await counts.flush()
    await counts.flush()
    assert await updates(database) == before + 1
    assert [day["reports"] for day in await counts.since("")] == [10_000]


@pytest.mark.gen_test(timeout=20)
async def test_each_day_has_its_own(database, clock):
    counts = Counts(database, wall_ms=clock)
    counts.add("reports")
    clock.ms = NOON_MS + DAY_MS // 2 - 1  # the last millisecond of the day
    counts.add("reports")
    clock.ms += 1
    counts.add("reports")  # before the others were written
    assert counts.day() == "2026-11-28"
    assert await counts.since("2026-11-01") == [{"_id": "2026-11-27", "reports": 2}, {"_id": "2026-11-28", "reports": 1}]


@pytest.mark.gen_test(timeout=20)
async def test_servers_on_one_database_count_together(database, clock):
    several = [Counts(database, wall_ms=clock) for _ in range(5)]
    for _ in range(10):
        for counts in several:
            counts.add("connections", "sse")
        await asyncio.gather(*(counts.flush() for counts in several))
    assert await several[0].since("") == [{"_id": "2026-11-27", "connections": {"sse": 50}}]


@pytest.mark.gen_test(timeout=20)
async def test_what_is_added_during_a_write_counts_too(database, clock):
    counts = Counts(database, wall_ms=clock)
    for _ in range(50):
        counts.add("reports")
        writing = asyncio.ensure_future(counts.flush())
        await asyncio.sleep(0)
        counts.add("reports")
        await asyncio.gather(writing, counts.flush())
    assert [day["reports"] for day in await counts.since("")] == [100]


@pytest.mark.gen_test(timeout=20)
async def test_what_cannot_be_written_is_kept_and_the_other_days_are_not_written_twice(database, clock):
    await database.counts.insert_one({"_id": "2026-11-28", "reports": "spoilt"})
    counts = Counts(database, wall_ms=clock)
    counts.add("reports")
    clock.ms += DAY_MS
    counts.add("reports")
    for _ in range(3):
        with pytest.raises(WriteError):
            await counts.flush()
    counts.add("reports")
    await database.counts.delete_one({"_id": "2026-11-28"})
    assert await counts.since("") == [{"_id": "2026-11-27", "reports": 1}, {"_id": "2026-11-28", "reports": 2}]


@pytest.mark.gen_test(timeout=20)
async def test_days_that_are_too_old_go(database, clock):
    await database.counts.insert_many([{"_id": Counts(database, wall_ms=clock).day(ago)} for ago in (KEEP_DAYS + 1, KEEP_DAYS, 1)])
    counts = Counts(database, every_s=0.01, wall_ms=clock)
    counts.start()
    while await database.counts.count_documents({}) == 3:
        await asyncio.sleep(0.01)
    assert [day["_id"] for day in await database.counts.find(sort=[("_id", 1)]).to_list(None)] == [counts.day(KEEP_DAYS), counts.day(1)]
    clock.ms += DAY_MS
    while await database.counts.count_documents({}) == 2:  # the next day it looks again
        await asyncio.sleep(0.01)
    await counts.close()


@pytest.mark.gen_test(timeout=20)
async def test_they_are_written_every_few_seconds_and_at_the_end(database, clock):
    counts = Counts(database, every_s=0.05, wall_ms=clock)
    counts.start()
    counts.add("reports")
    while not await database.counts.find_one({"_id": "2026-11-27", "reports": 1}):
        await asyncio.sleep(0.01)
    await counts.close()
    patient = Counts(database, every_s=3600, wall_ms=clock)
    patient.start()
    patient.add("reports")
    await asyncio.sleep(0)
    await patient.close()
    assert await database.counts.find_one() == {"_id": "2026-11-27", "reports": 2}


@pytest.mark.gen_test(timeout=20)
async def test_a_write_that_fails_does_not_end_the_writing(database, clock, caplog):
    await database.counts.insert_one({"_id": "2026-11-27", "reports": "spoilt"})
    counts = Counts(database, every_s=0.01, wall_ms=clock)
    counts.start()
    counts.add("reports")
    while "trying again later: WriteError" not in caplog.text:
        await asyncio.sleep(0.01)
    await database.counts.delete_one({"_id": "2026-11-27"})
    while not await database.counts.find_one({"_id": "2026-11-27", "reports": 1}):
        await asyncio.sleep(0.01)
    await counts.close()
