"""Reading pages, bounds and history; where subscriptions begin; holes that are filled."""

import asyncio

import pytest

from protocol.codes import Unavailable
from protocol.positions import Last, Next, Oldest, Position
from protocol.resume import Bounds
from protocol.session import Read
from store import feed as feed_module
from store.connect import connect
from tests.store.processes import Follower, Process, Proxy


@pytest.mark.gen_test(timeout=30)
async def test_pages_follow_each_other_from_any_position(database):
    process = await Process.make(database)
    for first in range(0, 40, 8):
        await process.publish("chat:x", 8, first=first, size=100)
    for after in range(40):
        page = await process.reader.page("chat:x", after, 1500)
        assert page.bounds is None
        assert [m.offset for m in page.messages] == list(range(after + 1, after + 1 + len(page.messages)))
        assert 1 <= sum(len(m.payload) for m in page.messages) <= 1500
        assert len((await process.reader.page("chat:x", after, 1)).messages) == 1


@pytest.mark.gen_test(timeout=20)
async def test_a_page_after_what_was_trimmed_says_what_is_kept(database):
    process = await Process.make(database)
    for first in range(0, 40, 8):
        await process.publish("chat:x", 8, first=first)
    await database.log.delete_many({"_id.o": {"$lt": 17}})
    page = await process.reader.page("chat:x", 3, 100_000)
    assert page.bounds == Bounds(head=40, floor=16) and page.messages[0].offset == 17
    with pytest.raises(Unavailable):
        await process.reader.page("chat:x", 40, 1000)


@pytest.mark.gen_test(timeout=20)
async def test_a_page_ends_where_the_log_was_trimmed_while_it_was_read(database):
    process = await Process.make(database)
    for first in range(0, 24, 8):
        await process.publish("chat:x", 8, first=first)
    await database.log.delete_many({"_id.o": 9})
    page = await process.reader.page("chat:x", 0, 100_000)
    assert [m.offset for m in page.messages] == list(range(1, 9)) and page.bounds is None


@pytest.mark.gen_test(timeout=20)
async def test_history_goes_back_page_by_page(database):
    process = await Process.make(database)
    for first in range(0, 30, 5):
        await process.publish("chat:x", 5, first=first, size=100)
    history = process.reader.history
    assert await history("chat:none", None, 50, 10**6) == ([], False)
    seen, before, more = [], None, True
    while more:
        messages, more = await history("chat:x", before, 7, 10**6)
        assert [m.offset for m in messages] == sorted(m.offset for m in messages)
        seen = [m.offset for m in messages] + seen
        before = messages[0].offset
    assert seen == list(range(1, 31))
    messages, more = await history("chat:x", None, 1000, 1000)
    assert 1 <= len(messages) < 10 and more and messages[-1].offset == 30
    assert await history("chat:x", 1, 50, 10**6) == ([], False)
    assert [m.offset for m in (await history("chat:x", 10_000, 2, 10**6))[0]] == [29, 30]
    await database.channels.insert_one({"_id": "chat:x", "e": process.reader.epoch, "floor": 20, "head": 30})
    messages, more = await history("chat:x", None, 1000, 10**6)
    assert [m.offset for m in messages] == list(range(21, 31)) and not more


@pytest.mark.gen_test(timeout=20)
async def test_every_start_is_located(database):
    one = await Process.make(database)
    assert (await one.feed.locate("chat:x", Next()))[1] == (0, True)
    await one.publish("chat:x", 30)
    two = await Process.make(database, b"p2")
    epoch = two.hub.epoch
    for start, expected in (
        (Next(), (30, True)),
        (Last(10), (20, True)),
        (Last(1000), (0, True)),
        (Oldest(), (0, True)),
        (Position(epoch, 0), (0, True)),
        (Position(epoch, 12), (12, True)),
        (Position(epoch, 30), (30, True)),
        (Position(epoch, 31), (0, False)),
        (Position("zzzz", 12), (0, False)),
    ):
        log, resolution = await two.feed.locate("chat:x", start)
        assert resolution == expected, start
        assert log.head == 30


@pytest.mark.gen_test(timeout=20)
async def test_a_position_ahead_of_a_lagging_process_is_no_loss(database):
    one, lagging = await Process.make(database), await Process.make(database, b"p2")
    await one.publish("chat:x", 3)
    follower = Follower(lagging)
    await follower.follow("chat:x", Oldest())
    await one.publish("chat:x", 5, first=3)
    assert lagging.hub.head("chat:x") == 3
    log, resolution = await lagging.feed.locate("chat:x", Position(one.hub.epoch, 7))
    assert resolution == (7, True) and log.head == 8
    assert follower.offsets == list(range(1, 9)) and follower.gaps == 0


@pytest.mark.gen_test(timeout=20)
async def test_a_large_hole_is_jumped_and_each_reads_for_himself(database, monkeypatch):
    monkeypatch.setattr(feed_module, "HOLE_MESSAGES", 10)
    one, lagging = await Process.make(database), await Process.make(database, b"p2")
    await one.publish("chat:x", 1)
    follower = Follower(lagging)
    await follower.follow("chat:x", Oldest())
    await one.publish("chat:x", 50, first=1)
    await lagging.feed.locate("chat:x", Position(one.hub.epoch, 51))
    await follower.catch_up()
    assert follower.offsets == list(range(1, 52)) and follower.gaps == 0


@pytest.mark.gen_test(timeout=20)
async def test_a_hole_whose_messages_were_trimmed_is_announced(database):
    one, lagging = await Process.make(database), await Process.make(database, b"p2")
    await one.publish("chat:x", 5)
    follower = Follower(lagging)
    await follower.follow("chat:x", Oldest())
    await one.publish("chat:x", 5, first=5)
    await one.publish("chat:x", 5, first=10)
    await database.log.delete_many({"_id.o": {"$lt": 11}})
    lagging.hub.learn("chat:x", 15)
    while lagging.hub.head("chat:x") != 15:
        await asyncio.sleep(0.01)
    await follower.catch_up()
    assert follower.offsets == [1, 2, 3, 4, 5, 11, 12, 13, 14, 15] and follower.gaps == 1


@pytest.mark.gen_test(timeout=30)
async def test_what_cannot_be_confirmed_is_unavailable_within_two_seconds(mongo_uri, database, driver):
    proxy = await Proxy(mongo_uri).start()
    through = await connect(uri=proxy.uri, data=None, driver=driver, database=database.name)
    process = await Process.make(through.database)
    await process.publish("chat:x", 3)
    await process.feed.locate("chat:x", Next())
    proxy.mode = "freeze"
    loop = asyncio.get_running_loop()
    since = loop.time()
    assert (await process.feed.locate("chat:x", Next()))[1] == (3, True)  # memory knows
    with pytest.raises(Unavailable):
        await process.feed.locate("chat:x", Position(process.hub.epoch, 9))
    assert 1.5 < loop.time() - since < 3
    proxy.cut()
    await proxy.stop()
    with pytest.raises(Unavailable):
        await process.feed.page(Read("chat:x", 0), 1000)
    process.hub.learn("chat:x", 9)  # a hole that can't be filled now is tried again, without end and without noise
    await asyncio.sleep(0.1)
    await process.feed.close()
    await through.close()
