"""Trimming channels of states: once they are old, only the newest is kept; what is followed goes on."""

import asyncio

import pytest

from protocol.positions import Last, Next, Oldest, Position
from store.retention import Retention
from tests.store.processes import ANNA, Follower, Process

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CHANNEL = "board:x"


def retention(process: Process, *, now_ms: int) -> Retention:
    """*now_ms* is added to the clock."""
    wall_ms = process.writer._wall_ms
    return Retention(process.database, process.reader, process.writer, keep_messages=20, keep_days=30, wall_ms=lambda: wall_ms() + now_ms)


async def say(process: Process, number: int) -> None:
    receipt = await process.log.append(CHANNEL, ANNA, f"id-{number}", b"%d" % number, is_state=True)
    assert receipt.offset == number


async def board(database, count: int = 12) -> Process:
    process = await Process.make(database)
    for number in range(1, count + 1):
        await say(process, number)
    return process


async def kept(process: Process) -> list[int]:
    return [message.offset async for chunk in process.reader.chunks(CHANNEL, 0) for message in chunk.messages]


@pytest.mark.gen_test(timeout=20)
async def test_nothing_young_goes(database):
    process = await board(database)
    assert await retention(process, now_ms=599_000).trim(CHANNEL) == 0
    assert await kept(process) == list(range(1, 13))


@pytest.mark.gen_test(timeout=20)
async def test_of_what_is_old_only_the_newest_is_kept_whatever_a_channel_may_hold(database):
    process = await board(database)
    assert await retention(process, now_ms=HOUR_MS).trim(CHANNEL) == 11
    assert await kept(process) == [12]
    assert await retention(process, now_ms=HOUR_MS).trim(CHANNEL) == 0
    await say(process, 13)
    await say(process, 14)
    assert await kept(process) == [12, 13, 14]
    await retention(process, now_ms=HOUR_MS).sweep()
    assert await kept(process) == [14]


@pytest.mark.gen_test(timeout=20)
async def test_whoever_comes_then_gets_it_and_misses_nothing(database):
    process = await board(database)
    await retention(process, now_ms=HOUR_MS).trim(CHANNEL)
    positions = [Position(process.hub.epoch, offset) for offset in (0, 3, 13)]
    for number, start in enumerate([Next(), Last(1), Last(1000), Oldest(), *positions]):
        for one in (process, await Process.make(database, b"p%d" % number)):
            follower = Follower(one)
            await follower.follow(CHANNEL, start)
            assert (follower.offsets, follower.gaps) == ([12], 0)
            follower.attachment.close()
            await one.feed.close()


@pytest.mark.gen_test(timeout=20)
async def test_who_was_there_all_the_time_goes_on(database):
    process = await board(database)
    live, slow = Follower(process), Follower(process)
    for follower in (live, slow):
        await follower.follow(CHANNEL, Next())
    slow.push = lambda subscription, messages: False
    await say(process, 13)
    await retention(process, now_ms=HOUR_MS).trim(CHANNEL)
    await say(process, 14)
    async with asyncio.timeout(5):
        while live.offsets[-1] != 14:
            await asyncio.sleep(0.01)
    await slow.catch_up()
    assert live.offsets == sorted(set(live.offsets)) and (slow.offsets, slow.gaps, live.gaps) == ([12, 14], 0, 0)


@pytest.mark.gen_test(timeout=20)
async def test_a_board_that_nobody_wrote_to_for_a_month_is_empty_and_its_offsets_go_on(database):
    process = await board(database)
    assert await retention(process, now_ms=31 * DAY_MS).trim(CHANNEL) == 12
    assert await kept(process) == []
    fresh = await Process.make(database, b"p2")
    follower = Follower(fresh)
    await follower.follow(CHANNEL, Next())
    assert follower.offsets == []
    await say(fresh, 13)
    assert follower.offsets == [13]


@pytest.mark.gen_test(timeout=20)
async def test_who_heard_of_states_that_are_gone_meanwhile_goes_on_behind_them(database, caplog):
    process = await board(database)
    other = await Process.make(database, b"p2")
    follower = Follower(other)
    await follower.follow(CHANNEL, Next())
    for number in (13, 14):
        await say(process, number)  # which the other process isn't told of
    await retention(process, now_ms=31 * DAY_MS).trim(CHANNEL)
    await other.feed.refresh(CHANNEL)
    async with asyncio.timeout(5):
        while other.hub.head(CHANNEL) != 14:
            await asyncio.sleep(0.01)
    await say(process, 15)
    await other.feed.refresh(CHANNEL)
    async with asyncio.timeout(5):
        while follower.offsets != [12, 15]:
            await asyncio.sleep(0.01)
            await follower.catch_up()
    assert follower.gaps == 0 and [record for record in caplog.records if record.levelname == "ERROR"] == []
    await other.feed.close()
