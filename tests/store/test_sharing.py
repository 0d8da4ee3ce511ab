"""Many who ask for the same of the log make one read of it; others take turns."""

import asyncio

import pytest

from protocol.positions import Position
from protocol.session import Read
from store.shared import Shared
from store.turns import Turns
from tests.store.processes import Follower, Process

CLIENTS = 500
MESSAGES = 80
SIZE = 1000
"""Of a message: together more than is read with a channel's head, and less than two pages."""


async def reads_of(database, clients, offset):
    """How often the log was asked by that many clients of a process that knows nothing, who are all at *offset* at once."""
    process = await Process.make(database)
    followers = [Follower(process) for _ in range(clients)]
    await database.command("profile", 2)
    await asyncio.gather(*(follower.follow("chat:x", Position(process.hub.epoch, offset)) for follower in followers))
    await database.command("profile", 0)
    assert [f for f in followers if f.offsets != list(range(offset + 1, MESSAGES + 1)) or f.gaps] == []
    count = await database["system.profile"].count_documents({"ns": f"{database.name}.log", "op": "query"})
    await database.drop_collection("system.profile")
    await process.feed.close()
    return count


@pytest.mark.gen_test(timeout=60)
async def test_five_hundred_at_one_position_cost_what_one_costs(database):
    writer = await Process.make(database)
    for first in range(0, MESSAGES, 8):
        await writer.publish("chat:x", 8, first=first, size=SIZE)
    one = await reads_of(database, 1, 0)
    assert one > 0 and await reads_of(database, CLIENTS, 0) == one
    near = await reads_of(database, 1, MESSAGES - 3)
    assert near < one and await reads_of(database, CLIENTS, MESSAGES - 3) == near  # in what is read with the head


@pytest.mark.gen_test(timeout=60)
async def test_a_page_is_charged_to_whom_it_was_read_for_and_kept_for_the_next(database):
    process = await Process.make(database)
    await process.publish("chat:x", 10, size=SIZE)
    read, charged = Read("chat:x", 0), []
    assert process.feed.costs(read, 10**6) and process.feed.page_now(read, 10**6) is None
    pages = await asyncio.gather(*(process.feed.page(read, 10**6, charged.append) for _ in range(3)))
    assert len(charged) == 1 and charged[0] > 10 * SIZE and pages[0] is pages[1] is pages[2]
    assert not process.feed.costs(read, 10**6) and process.feed.page_now(read, 10**6) is pages[0]
    assert process.feed.costs(Read("chat:x", 1), 10**6) and process.feed.costs(read, 1000)
    process.reader.epoch = "another"
    assert process.feed.costs(read, 10**6) and process.feed.page_now(read, 10**6) is None
    await process.feed.close()


@pytest.mark.gen_test(timeout=20)
async def test_who_leaves_takes_nothing_from_the_others_and_a_fault_is_everybodys():
    shared = Shared[bytes](1.0, 1000, len)
    go, begun = asyncio.Event(), []

    async def read():
        begun.append(1)
        await go.wait()
        if len(begun) > 1:
            raise ValueError("the second one fails")
        return b"found"

    first, second = (asyncio.ensure_future(shared.get("key", read)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    go.set()
    assert await second == b"found" and first.cancelled() and len(begun) == 1
    assert shared.now("key") == await shared.get("key", read) == b"found" and len(begun) == 1
    failed = await asyncio.gather(*(shared.get("other", read) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in failed] == [ValueError] * 3 and len(begun) == 2
    assert shared.now("other") is None and not shared.is_shared("other")  # the next one tries again


@pytest.mark.gen_test(timeout=20)
async def test_what_is_kept_is_bounded_and_goes_after_a_moment():
    shared = Shared[bytes](0.2, 1000, lambda found: len(found) or None)

    async def found(size):
        return b"x" * size

    for number in range(5):
        await shared.get(number, lambda: found(300))
    assert [number for number in range(5) if shared.now(number)] == [2, 3, 4]
    assert await shared.get("empty", lambda: found(0)) == b"" and shared.now("empty") is None
    assert len(await shared.get("large", lambda: found(2000))) == 2000 and shared.now("large") is None
    await asyncio.sleep(0.4)
    assert not any(shared.is_shared(number) for number in range(5)) and shared._size_bytes == 0


@pytest.mark.gen_test(timeout=20)
async def test_reads_take_turns_in_order():
    turns, begun, running = Turns(3), [], [0, 0]

    async def read(number):
        async with turns.turn():
            begun.append(number)
            running[0] += 1
            running[1] = max(running)
            await asyncio.sleep(0.02)
            running[0] -= 1

    tasks = [asyncio.ensure_future(read(number)) for number in range(12)]
    assert turns.wait_s == 0.0
    await asyncio.sleep(0.03)
    assert turns.wait_s > 0  # some have ended, some wait
    tasks[-1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert begun == list(range(11)) and running == [0, 3] and turns.wait_s == 0.0
