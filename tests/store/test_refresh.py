"""After a break of the bus: many channels are compared with the log, some at once, and none waits for one that fails."""

import asyncio

import pytest
from pymongo.errors import AutoReconnect

from protocol.positions import Next, Oldest, Position
from store.feed import REFRESHES
from tests.store.processes import Follower, Process
from tests.store.waiting import until


@pytest.mark.gen_test(timeout=20)
async def test_many_channels_are_read_some_at_once_and_none_waits_for_one_that_fails(database):
    one, other = await Process.make(database, b"p1"), await Process.make(database, b"p2")
    follower = Follower(other)
    channels = [f"chat:{i}" for i in range(60)]
    for channel in channels:
        await follower.follow(channel, Oldest())
    await asyncio.gather(*(one.publish(channel, 2) for channel in channels))
    assert follower.offsets == []  # there is no bus
    read, reading, most = other.reader.head, 0, 0

    async def head(channel):
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        try:
            if channel in channels[::20]:
                raise AutoReconnect("cut")
            return await read(channel)
        finally:
            reading -= 1

    other.reader.head = head
    with pytest.raises(AutoReconnect):
        await other.feed.refresh_all()
    await until(lambda: len(follower.offsets) == 2 * 57)
    assert 1 < most <= REFRESHES
    other.reader.head = read
    await other.feed.refresh_all()
    await until(lambda: len(follower.offsets) == 2 * 60)


@pytest.mark.gen_test(timeout=10)
async def test_who_comes_to_a_channel_that_nobody_followed_gets_what_the_bus_lost(database):
    one, other = await Process.make(database, b"p1"), await Process.make(database, b"p2")
    await one.publish("chat:x", 1)
    _, resolution = await other.feed.locate("chat:x", Next())
    assert resolution.offset == 1
    await one.publish("chat:x", 1, first=1)
    await other.feed.refresh_all()
    assert other.hub.at_rest("chat:x", Position(other.hub.epoch, 1)) is None  # as a poll asks
    follower = Follower(other)
    await follower.follow("chat:x", Position(other.hub.epoch, 1))
    assert follower.offsets == [2]


@pytest.mark.gen_test(timeout=10)
async def test_who_is_just_learning_the_head_learns_what_came_since(database):
    one, other = await Process.make(database, b"p1"), await Process.make(database, b"p2")
    newest, has_read, go = other.reader.newest, asyncio.Event(), asyncio.Event()

    async def slow(channel, size):
        found = await newest(channel, size)
        has_read.set()
        await go.wait()
        return found

    other.reader.newest = slow
    follower = Follower(other)
    following = asyncio.ensure_future(follower.follow("chat:x", Next()))
    await has_read.wait()
    await one.publish("chat:x", 1)
    refreshing = asyncio.ensure_future(other.feed.refresh_all())
    await asyncio.sleep(0.05)
    go.set()
    await asyncio.gather(following, refreshing)
    await until(lambda: follower.offsets == [1], 2.0)
