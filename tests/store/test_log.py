"""Appending: offsets without gaps, each id once, in the order sent, whatever fails in between."""

import asyncio
import random

import msgspec
import pytest

from protocol.codes import ProtocolError, Unavailable
from protocol.positions import Oldest
from store import log as log_module
from store.connect import connect
from tests.store.processes import ANNA, BEN, Follower, Process, Proxy, concern_of


async def stored(process: Process, channel: str) -> list[dict]:
    """The channel's events, as the log has them."""
    events = []
    async for chunk in process.reader.chunks(channel, 0):
        events.extend(msgspec.json.decode(message.payload) for message in chunk.messages)
    return events


@pytest.mark.gen_test(timeout=20)
async def test_offsets_have_no_gaps_and_each_publisher_keeps_its_order(database):
    process = await Process.make(database)
    receipts = await asyncio.gather(
        *(process.publish(f"chat:{i % 3}", 40, user={"id": f"u_{i}", "name": ""}, first=100 * i) for i in range(6))
    )
    for channel in ("chat:0", "chat:1", "chat:2"):
        events = await stored(process, channel)
        assert [event["offset"] for event in events] == list(range(1, 81))
        assert sorted(r.offset for of_one in receipts for r in of_one if r.channel == channel) == list(range(1, 81))
        for user in {event["user"]["id"] for event in events}:
            ids = [int(event["id"].rpartition("-")[2]) for event in events if event["user"]["id"] == user]
            assert ids == sorted(ids)


@pytest.mark.gen_test(timeout=30)
async def test_two_processes_share_channels_without_holes(database):
    one, two = await Process.make(database, b"p1"), await Process.make(database, b"p2")
    followers = [Follower(one), Follower(two)]
    for follower in followers:
        await follower.follow("chat:x", Oldest())
    for round in range(10):
        await asyncio.gather(one.publish("chat:x", 20, first=round * 20), two.publish("chat:x", 20, first=round * 20))
    events = await stored(one, "chat:x")
    assert [event["offset"] for event in events] == list(range(1, 401))
    assert len({event["id"] for event in events}) == 400
    for follower in followers:  # neither has a bus: what the other wrote last is still unknown to it
        await follower.process.feed.refresh("chat:x")
        while len(follower.offsets) < 400:
            await asyncio.sleep(0.01)
        assert follower.offsets == list(range(1, 401))


@pytest.mark.gen_test(timeout=20)
async def test_an_id_is_stored_once(database):
    process = await Process.make(database)
    append = process.log.append
    first, again = await asyncio.gather(append("chat:x", ANNA, "id-1", b"1"), append("chat:x", ANNA, "id-1", b"1"))
    assert (first.offset, first.duplicate, again.offset, again.duplicate) == (1, False, 1, True)
    assert again.time == first.time and again.position == first.position

    restarted = await Process.make(database, b"p2")
    assert await restarted.log.append("chat:x", ANNA, "id-1", b"1") == again
    assert (await restarted.log.append("chat:x", BEN, "id-1", b"1")).offset == 2
    assert (await restarted.log.append("chat:y", ANNA, "id-1", b"1")).offset == 1
    with pytest.raises(ProtocolError, match="id-reused"):
        await append("chat:x", ANNA, "id-1", b"2")
    assert len(await stored(process, "chat:x")) == 2


@pytest.mark.gen_test(timeout=20)
async def test_a_duplicate_holds_nobody_up(database):
    process = await Process.make(database)
    await process.publish("chat:x", 5)
    tasks = [process.log.append("chat:x", ANNA, f"b'p1'-chat:x-{i}", b'""') for i in (3, 7, 1, 8, 9)]
    receipts = await asyncio.gather(*tasks)
    assert [(r.offset, r.duplicate) for r in receipts] == [(4, True), (6, False), (2, True), (7, False), (8, False)]


@pytest.mark.gen_test(timeout=20)
async def test_messages_without_id_are_never_taken_for_each_other(database):
    process = await Process.make(database)
    receipts = await asyncio.gather(*(process.log.append("chat:x", ANNA, None, b"1") for _ in range(50)))
    assert sorted(r.offset for r in receipts) == list(range(1, 51)) and len({r.id for r in receipts}) == 50


@pytest.mark.gen_test(timeout=20)
async def test_large_messages_are_cut_into_chunks_in_order(database):
    process = await Process.make(database)
    receipts = await process.publish("chat:x", 60, size=60_000)
    assert [r.offset for r in receipts] == list(range(1, 61))
    sizes = [len(document["m"]) async for document in database.log.find()]
    assert len(sizes) >= 4 and max(sizes) < 1_100_000
    assert [event["id"] for event in await stored(process, "chat:x")] == [r.id for r in receipts]


async def cut_before_the_answer(proxy: Proxy) -> None:
    """The insert has arrived, its answer not; then all is well again."""
    await asyncio.sleep(0.3)
    proxy.mode = "pass"
    proxy.cut()


@pytest.mark.gen_test(timeout=60)
async def test_an_answer_that_was_lost_is_found_again(mongo_uri, database, driver):
    proxy = await Proxy(mongo_uri).start()
    # the driver's own second try would find the answer by itself; a frozen network outlasts it
    through = await connect(uri=proxy.uri + "&retryWrites=false", data=None, driver=driver, database=database.name)
    process = await Process.make(through.database)
    follower = Follower(process)
    await follower.follow("chat:x", Oldest())
    await process.publish("chat:x", 3)
    for round in range(1, 4):
        proxy.mode = "swallow-answers"
        task = asyncio.ensure_future(process.publish("chat:x", 5, first=10 * round))
        await cut_before_the_answer(proxy)
        receipts = await task
        assert [r.offset for r in receipts] == list(range(5 * round - 1, 5 * round + 4)) and not any(r.duplicate for r in receipts)
    proxy.mode = "swallow-answers"
    no_id = asyncio.ensure_future(process.log.append("chat:x", ANNA, None, b"1"))
    await cut_before_the_answer(proxy)
    assert (await no_id).offset == 19
    assert follower.offsets == list(range(1, 20)) == [event["offset"] for event in await stored(process, "chat:x")]
    await through.close()
    await proxy.stop()


@pytest.mark.gen_test(timeout=30)
async def test_what_waits_too_long_is_refused_in_order_and_the_rest_goes_on(mongo_uri, database, driver):
    proxy = await Proxy(mongo_uri).start()
    through = await connect(uri=proxy.uri, data=None, driver=driver, database=database.name)
    process = await Process.make(through.database, deadline_s=0.5)
    await process.publish("chat:x", 1)
    proxy.mode = "freeze"
    early = [asyncio.ensure_future(process.log.append("chat:x", ANNA, f"early-{i}", b"1")) for i in range(3)]
    await asyncio.sleep(0.4)
    late = asyncio.ensure_future(process.log.append("chat:x", ANNA, "late", b"1"))
    other = asyncio.ensure_future(process.log.append("chat:y", BEN, "other", b"1"))
    for task in (*early, late):  # `late` isn't due yet, but must not overtake what the same user sent before
        with pytest.raises(Unavailable):
            await task
    proxy.mode = "pass"
    assert (await other).offset == 1
    again = [await process.log.append("chat:x", ANNA, id, b"1") for id in ("early-0", "early-1", "early-2", "late")]
    assert [r.offset for r in again] == [2, 3, 4, 5]
    await process.log.close()
    await through.close()
    await proxy.stop()


@pytest.mark.gen_test(timeout=20)
async def test_nothing_slips_in_before_its_sender_knows_that_the_last_one_expired(mongo_uri, database, driver):
    proxy = await Proxy(mongo_uri).start()
    through = await connect(uri=proxy.uri, data=None, driver=driver, database=database.name)
    process = await Process.make(through.database, deadline_s=60)
    await process.publish("chat:x", 1)
    proxy.mode = "freeze"
    first = asyncio.ensure_future(process.log.append("chat:x", ANNA, "first", b"1"))
    await asyncio.sleep(0.05)
    lane = process.log.lane("chat:x")
    lane._deadline_s = 0
    lane._expire()
    assert not first.done()
    with pytest.raises(ProtocolError, match="after-refused"):
        await process.log.append("chat:x", ANNA, "second", b"1")
    with pytest.raises(Unavailable):
        await first
    proxy.mode = "pass"
    lane._deadline_s = 60
    await asyncio.sleep(0)
    assert [(await process.log.append("chat:x", ANNA, id, b"1")).offset for id in ("first", "second")] == [2, 3]
    await process.log.close()
    await through.close()
    await proxy.stop()


@pytest.mark.gen_test(timeout=20)
async def test_the_backlog_is_bounded(database, monkeypatch):
    process = await Process.make(database)
    monkeypatch.setattr(log_module, "BACKLOG_MESSAGES", 10)
    tasks = [asyncio.ensure_future(process.log.append("chat:x", ANNA, None, b"1")) for _ in range(15)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result).__name__ for result in results[10:]] == ["Unavailable"] * 5
    assert [result.offset for result in results[:10]] == list(range(1, 11))
    process.log.refusing = "The disk is nearly full."
    with pytest.raises(Unavailable, match="disk"):
        await process.log.append("chat:x", ANNA, None, b"1")


@pytest.mark.gen_test(timeout=20)
async def test_close_waits_for_what_was_taken(database):
    process = await Process.make(database)
    tasks = [asyncio.ensure_future(process.log.append("chat:x", ANNA, None, b"1")) for _ in range(100)]
    await asyncio.sleep(0)
    await process.log.close()
    assert all(task.done() for task in tasks)


@pytest.mark.gen_test(timeout=20)
async def test_a_fault_with_one_batch_ends_no_other(database):
    process = await Process.make(database)
    with pytest.raises(Unavailable):
        await process.log.append("chat:x", {"id": "u_anna", "name": object()}, None, b"1")
    assert (await process.log.append("chat:x", ANNA, None, b"1")).offset == 1


@pytest.mark.gen_test(timeout=30)
async def test_random_mixture_of_processes_and_repeats(database):
    processes = [await Process.make(database, name) for name in (b"p1", b"p2", b"p3")]
    chance = random.Random(7)

    async def publisher(number: int) -> dict[str, int]:
        user, offsets = {"id": f"u_{number}", "name": ""}, {}
        for i in range(15):
            id = f"{number}-{i}"
            tries = [chance.choice(processes).log.append("chat:x", user, id, b"%d" % i) for _ in range(chance.choice((1, 1, 2, 3)))]
            found = {receipt.offset for receipt in await asyncio.gather(*tries)}
            assert len(found) == 1
            offsets[id] = found.pop()
        return offsets

    offsets: dict[str, int] = {}
    for of_one in await asyncio.gather(*(publisher(number) for number in range(8))):
        offsets.update(of_one)
    events = await stored(processes[0], "chat:x")
    assert [event["offset"] for event in events] == list(range(1, 121))
    assert {event["id"]: event["offset"] for event in events} == offsets


@pytest.mark.gen_test(timeout=20)
async def test_commits_are_durable_and_by_majority(connection):
    process = await Process.make(connection.database)
    concern = await concern_of(connection.database, process.publish("chat:x", 1))
    assert concern["w"] == "majority" and concern["j"] is True
