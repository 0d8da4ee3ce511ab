"""The change stream: what one process stores, the others deliver; what the stream loses, the log brings."""

import asyncio

import pytest

from protocol.positions import Next, Oldest
from store.connect import connect
from tests.store.processes import Follower, Process, Proxy


async def until(condition, deadline_s: float = 10.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)


async def two_with_bus(connection, watched=None):
    one, two = await Process.make(connection.database, b"p1"), await Process.make(connection.database, b"p2")
    bus = two.bus(watched if watched is not None else connection.watcher.get_database(connection.database.name))
    await bus.start()
    follower = Follower(two)
    await follower.follow("chat:x", Oldest())
    return one, two, bus, follower


@pytest.mark.gen_test(timeout=20)
async def test_what_one_process_stores_the_other_delivers(connection):
    one, two, bus, follower = await two_with_bus(connection)
    for first in range(0, 100, 10):
        await asyncio.gather(one.publish("chat:x", 5, first=first), two.publish("chat:x", 5, first=first))
    await until(lambda: len(follower.offsets) == 100)
    assert follower.offsets == list(range(1, 101))
    await one.publish("chat:unknown", 1)
    await bus.close()


@pytest.mark.gen_test(timeout=40)
async def test_a_stream_that_breaks_loses_nothing(connection, mongo_uri, driver):
    proxy = await Proxy(mongo_uri).start()
    through = await connect(uri=proxy.uri, data=None, driver=driver, database=connection.database.name)
    one, _, bus, follower = await two_with_bus(connection, through.watcher.get_database(connection.database.name))
    await one.publish("chat:x", 5)
    await until(lambda: len(follower.offsets) == 5)
    for round in range(1, 4):
        proxy.cut()
        await one.publish("chat:x", 5, first=5 * round)
        await until(lambda round=round: len(follower.offsets) == 5 * round + 5)
    assert follower.offsets == list(range(1, 21)) and follower.gaps == 0
    await bus.close()
    await through.close()
    await proxy.stop()


@pytest.mark.gen_test(timeout=20)
async def test_lost_history_is_read_from_the_log(connection):
    one, _, bus, follower = await two_with_bus(connection)
    await one.publish("chat:x", 5)
    await until(lambda: len(follower.offsets) == 5)
    stream = await bus._open(None)
    token = dict(stream.resume_token)
    await bus.close()
    await one.publish("chat:x", 5, first=5)
    # a token of the first second of 1970: the oplog doesn't reach back so far, and the server says 286
    token["_data"] = token["_data"][:2] + "0000000100000001" + token["_data"][18:]
    reopened = await bus._reopen(token)
    await until(lambda: len(follower.offsets) == 10)
    assert follower.offsets == list(range(1, 11))
    for opened in (stream, reopened):
        closing = opened.close()
        if closing is not None:
            await closing


@pytest.mark.gen_test(timeout=20)
async def test_a_new_epoch_is_noticed(connection):
    _, two, bus, _ = await two_with_bus(connection)
    await connection.database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "restored"}})
    await until(lambda: two.renewed)
    assert two.renewed == ["restored"]
    two.renewed.clear()
    await bus._arrivals.refresh()
    assert two.renewed == ["restored"]
    await bus.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_dropped_database_is_another_life(connection):
    _, two, bus, _ = await two_with_bus(connection)
    await connection.writer.drop_database(connection.database.name)
    await until(lambda: two.renewed)
    assert two.renewed[0] != two.hub.epoch
    assert (await connection.database.meta.find_one({"_id": "anywire"}))["epoch"] == two.renewed[0]
    assert "ids" in await connection.database.log.index_information()
    await connection.database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "restored"}})
    await until(lambda: "restored" in two.renewed)  # the stream is back
    await bus.close()


@pytest.mark.gen_test(timeout=20)
async def test_renewing_sends_everybody_away(connection):
    process = await Process.make(connection.database)
    follower = Follower(process)
    await follower.follow("chat:x", Next())
    await process.publish("chat:x", 3)
    process.reader.epoch = "restored"
    process.writer.renew()
    process.hub.renew("restored")
    assert follower.left
    assert (await process.publish("chat:x", 1, first=3))[0].position == "restored-1"
