"""Trimming: old chunks go, the head stays, and nobody is told less than the truth."""

import asyncio

import pytest

from protocol.positions import Next, Position
from tests.store.processes import Process
from tests.store.trimming import HOUR_MS, retention


async def filled(database, count: int = 60, **options) -> Process:
    process = await Process.make(database, **options)
    for first in range(0, count, 6):
        await process.publish("chat:x", 6, first=first)
    return process


@pytest.mark.gen_test(timeout=20)
async def test_nothing_young_is_trimmed_whatever_the_count(database):
    process = await filled(database)
    assert await retention(process).trim("chat:x") == 0
    assert await retention(process, now_ms=599_000).trim("chat:x") == 0


@pytest.mark.gen_test(timeout=20)
async def test_whole_chunks_beyond_the_count_go(database):
    process = await filled(database)
    assert await retention(process, now_ms=HOUR_MS).trim("chat:x") == 36
    assert (await process.reader.bounds("chat:x")) == (60, 36)
    assert await retention(process, now_ms=HOUR_MS).trim("chat:x") == 0
    fresh = await Process.make(database, b"p2")
    epoch = fresh.hub.epoch
    assert (await fresh.feed.locate("chat:x", Position(epoch, 36)))[1] == (36, True)
    assert (await fresh.feed.locate("chat:x", Position(epoch, 35)))[1] == (36, False)
    assert (await process.feed.locate("chat:x", Next()))[1] == (60, True)


@pytest.mark.gen_test(timeout=20)
async def test_what_is_too_old_goes_to_the_last_and_the_head_stays(database):
    process = await filled(database)
    assert await retention(process, now_ms=31 * 24 * HOUR_MS).trim("chat:x") == 60
    assert [document async for document in database.log.find()] == []
    fresh = await Process.make(database, b"p2")
    assert (await fresh.publish("chat:x", 1))[0].offset == 61
    assert (await fresh.reader.bounds("chat:x")) == (61, 60)
    assert (await process.publish("chat:x", 1, first=60))[0].offset == 62


@pytest.mark.gen_test(timeout=20)
async def test_an_id_may_come_again_once_its_message_is_gone(database):
    process = await filled(database)
    await retention(process, now_ms=HOUR_MS).trim("chat:x")
    again = await process.publish("chat:x", 1)
    assert again[0].offset == 61 and not again[0].duplicate


@pytest.mark.gen_test(timeout=20)
async def test_a_writer_that_slept_never_writes_below_the_floor(database):
    sleeper = await Process.make(database, b"p1", confirmed_s=0.2)
    await sleeper.publish("chat:x", 6)
    other = await Process.make(database, b"p2")
    for first in range(0, 60, 6):
        await other.publish("chat:x", 6, first=first)
    await retention(other, now_ms=HOUR_MS).trim("chat:x")
    # the chunk at the sleeper's head + 1 is gone, so its insert finds no chunk in its way
    assert await database.log.count_documents({"_id.o": 7}) == 0
    await asyncio.sleep(0.25)
    receipts = await sleeper.publish("chat:x", 3, first=6)
    assert [receipt.offset for receipt in receipts] == [67, 68, 69]
    offsets = []
    async for chunk in other.reader.chunks("chat:x", 42):
        offsets.extend(message.offset for message in chunk.messages)
    assert offsets == list(range(43, 70))
    assert await database.log.count_documents({"_id.o": 7}) == 0


@pytest.mark.gen_test(timeout=20)
async def test_what_another_life_left_behind_is_not_taken_for_this_one(database):
    await retention(await filled(database, 120), now_ms=HOUR_MS).trim("chat:x")
    await database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "newlife1"}})
    process = await filled(database)
    assert (await process.reader.bounds("chat:x")) == (60, 0)
    assert await retention(process, now_ms=HOUR_MS).trim("chat:x") == 36
    assert (await process.reader.bounds("chat:x")) == (60, 36)


@pytest.mark.gen_test(timeout=20)
async def test_what_earlier_lives_left_behind_goes_when_it_is_too_old(database):
    process = await filled(database)
    await database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "restored"}})
    process.reader.epoch = "restored"
    process.writer.renew()
    await process.publish("chat:x", 5)
    await retention(process).sweep()
    assert await database.log.count_documents({"_id.e": {"$ne": "restored"}}) == 10
    await retention(process, now_ms=31 * 24 * HOUR_MS, keep_days=30).sweep()
    assert await database.log.count_documents({"_id.e": {"$ne": "restored"}}) == 0


@pytest.mark.gen_test(timeout=20)
async def test_a_process_of_an_earlier_life_leaves_the_present_one_alone(database):
    """It slept while the log was restored, and doesn't know yet."""
    sleeper = await Process.make(database)
    await database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "restored"}})
    present = await filled(database, name=b"p2")
    await retention(sleeper, now_ms=31 * 24 * HOUR_MS).sweep()
    assert await present.reader.bounds("chat:x") == (60, 0)
    await retention(present, now_ms=31 * 24 * HOUR_MS).sweep()
    assert await present.reader.bounds("chat:x") == (60, 60)


@pytest.mark.gen_test(timeout=20)
async def test_a_trim_that_was_cut_off_after_the_floor_was_raised_is_finished_by_the_next(database):
    process = await filled(database)
    epoch = process.reader.epoch
    await database.channels.insert_one({"_id": "chat:x", "e": epoch, "floor": 36, "head": 60})
    assert await process.reader.bounds("chat:x") == (60, 36)
    assert (await process.reader.history("chat:x", 40, 10, 10**6))[0][0].offset == 37
    assert await database.log.count_documents({}) == 10
    await retention(process, now_ms=HOUR_MS).trim("chat:x")
    assert await database.log.count_documents({}) == 4
    assert await process.reader.bounds("chat:x") == (60, 36)


@pytest.mark.gen_test(timeout=20)
async def test_two_that_trim_at_once_keep_the_head(database):
    """Of a channel whose messages are all too old: each looks, raises the floor and deletes in its own time."""
    process = await filled(database)
    others = [await Process.make(database, b"p%d" % number) for number in range(2, 6)]
    trims = (retention(one, now_ms=31 * 24 * HOUR_MS).trim("chat:x") for one in (process, *others))
    await asyncio.gather(*trims)
    assert await database.log.count_documents({}) == 0
    assert await process.reader.bounds("chat:x") == (60, 60)
    assert (await (await Process.make(database, b"p9")).publish("chat:x", 1))[0].offset == 61


@pytest.mark.gen_test(timeout=20)
async def test_it_runs_by_itself_over_all_channels(database):
    process = await filled(database)
    await process.publish("chat:y", 30)
    running = retention(process, now_ms=HOUR_MS)
    running.start()
    async with asyncio.timeout(10):
        while (await process.reader.bounds("chat:x")).floor != 36:
            await asyncio.sleep(0.02)
    await running.close()
    assert (await process.reader.bounds("chat:y")) == (30, 0)  # one chunk, and it holds the newest
