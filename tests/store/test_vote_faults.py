"""Votes where something is lost on the way: an answer, a process, the states in the log, the log's life."""

import asyncio
import functools
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from protocol.codes import ProtocolError, Unavailable
from protocol.positions import Next, Position
from store import ballots, vote_log
from store.connect import WRITER, connect
from store.transactions import STUCK_S, transact
from tests.store.processes import ANNA, Process
from tests.store.test_retention import retention
from tests.store.voting import DAY_MS, CommitProxy, Page, Polling, check, new_vote, now_ms, stored_states, until

ROOT = Path(__file__).parents[2]


async def committed(database, count: int) -> None:
    """Returns once so many ballots are committed, whoever knows of it."""
    async with asyncio.timeout(10):
        while await database.ballots.count_documents({}) != count:
            await asyncio.sleep(0.01)


@pytest.fixture
def behind_proxy(io_loop, mongo_uri, database, driver, monkeypatch):
    """A process whose answers may be lost, and the proxy that loses them."""
    monkeypatch.setitem(WRITER, "serverSelectionTimeoutMS", 300)

    async def start():
        proxy = await CommitProxy(mongo_uri).start()
        through = await connect(uri=proxy.uri, data=None, driver=driver, database=database.name)
        return await Polling.make(through.database), proxy, through

    async def stop():
        proxy.mode = "pass"
        if driver == "motor":  # its close blocks until the proxy has answered, which runs on this loop
            await asyncio.to_thread(through.writer.close)
        await through.close()
        await proxy.stop()

    process, proxy, through = io_loop.run_sync(start)
    yield process, proxy
    io_loop.run_sync(stop)


@pytest.mark.gen_test(timeout=30)
async def test_a_commit_whose_answer_is_lost_counts_once(database, behind_proxy):
    process, proxy = behind_proxy
    await process.vote()
    page = Page(process)
    await page.follow("vote:v", Next())
    proxy.armed = True
    casts = [asyncio.ensure_future(process.votes.cast("v", f"u{number}", [number % 3])) for number in range(6)]
    await committed(database, 6)
    assert proxy.mode == "swallow-answers" and not any(cast.done() for cast in casts)
    proxy.armed, proxy.mode = False, "pass"
    proxy.cut()
    counted = await asyncio.gather(*casts)
    assert {standing.position.offset for standing, _ in counted} == {2}
    await check(process, {f"u{number}": [number % 3] for number in range(6)})
    await until(lambda: page.states and page.states[-1]["voters"] == 6)


@pytest.mark.gen_test(timeout=30)
async def test_a_commit_that_is_lost_is_sent_again(behind_proxy, caplog):
    process, proxy = behind_proxy
    await process.vote()
    proxy.lose = 3  # the driver itself tries twice
    assert (await process.votes.cast("v", "u", [1])).standing.position.offset == 2
    assert not proxy.lose and "ending" not in caplog.text  # nothing was begun anew behind what the first one had locked
    await check(process, {"u": [1]})


@pytest.mark.gen_test(timeout=30)
async def test_a_commit_that_nobody_ever_learned_of_is_shown_and_the_ballot_sent_again_counts_once(database, behind_proxy, monkeypatch):
    process, proxy = behind_proxy
    monkeypatch.setattr(vote_log, "transact", functools.partial(transact, within_s=0.2))
    await process.votes.start()
    await process.vote()
    page = Page(process)
    await page.follow("vote:v", Next())
    proxy.armed = True
    cast = asyncio.ensure_future(process.votes.cast("v", "u", [1]))
    await committed(database, 1)
    while not cast.done():
        proxy.cut()
        await asyncio.sleep(0.05)
    with pytest.raises(Unavailable):
        await cast
    assert page.states[-1:] == []
    proxy.armed, proxy.mode = False, "pass"
    await until(lambda: page.states and page.states[-1]["voters"] == 1)
    assert (await process.votes.cast("v", "u", [1])).standing.position.offset == 2
    await check(process, {"u": [1]})
    await process.votes.close()


@pytest.mark.gen_test(timeout=30)
async def test_whose_ballot_waits_too_long_is_told_to_come_again(behind_proxy, monkeypatch):
    process, proxy = behind_proxy
    await process.vote()
    monkeypatch.setattr(ballots, "DEADLINE_S", 0.3)
    proxy.mode = "freeze"
    with pytest.raises(Unavailable):
        await process.votes.cast("v", "u", [1])
    proxy.mode = "pass"
    monkeypatch.setattr(ballots, "DEADLINE_S", 5)
    await process.votes.cast("v", "u", [2])  # what was given up comes before it, if at all
    await process.votes.counted()
    await check(process, {"u": [2]})


CHILD = """
import asyncio, sys
from store.connect import WRITER, connect
from tests.store.voting import Polling

async def main(uri, driver, name):
    connection = await connect(uri=uri, data=None, driver=driver, database=name)
    process = await Polling.make(connection.database, b"child")
    votes = process.votes

    async def work(session):
        step = await votes._ballots._set(session, "v", {"u1": [0], "child": [0]})
        print("counting", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        return step

    print((await votes._votes.commit("v", work)).position.offset, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def child(mongo_uri, database, driver):
    """Another server process, held in the middle of a transaction of ballots. A line lets it go on."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, mongo_uri, driver, database.name],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.gen_test(timeout=30)
async def test_a_process_killed_in_the_middle_holds_nobody_up(database, io_loop, request):
    process = await Polling.make(database)
    await process.vote()
    child = request.getfixturevalue("child")
    assert await asyncio.to_thread(child.stdout.readline) == "counting\n"
    child.kill()
    child.wait()
    began_s = time.monotonic()
    counted = await asyncio.gather(*(process.votes.cast("v", f"u{number}", [1]) for number in range(10)))
    assert STUCK_S <= time.monotonic() - began_s < ballots.DEADLINE_S
    assert {standing.position.offset for standing, _ in counted} == {2}
    await check(process, {f"u{number}": [1] for number in range(10)})


@pytest.mark.gen_test(timeout=30)
async def test_a_process_that_slept_in_the_middle_counts_again(database, request):
    process = await Polling.make(database)
    await process.vote()
    child = request.getfixturevalue("child")
    assert await asyncio.to_thread(child.stdout.readline) == "counting\n"
    child.send_signal(signal.SIGSTOP)
    await asyncio.gather(*(process.votes.cast("v", f"u{number}", [1]) for number in range(10)))
    child.send_signal(signal.SIGCONT)
    child.stdin.write("\n" * 10)
    child.stdin.flush()
    assert await asyncio.to_thread(child.stdout.readline) == "counting\n"  # anew
    assert await asyncio.to_thread(child.stdout.readline) == "3\n"
    await check(process, {**{f"u{number}": [1] for number in range(10)}, "u1": [0], "child": [0]})


@pytest.mark.gen_test(timeout=30)
async def test_states_that_are_no_longer_kept_are_stored_anew(database):
    process = await Polling.make(database)
    await process.vote()
    await process.votes.cast("v", "u", [1])
    assert process.writer.trimmable == {"vote:v"}
    assert await retention(process, now_ms=3600_000).trim("vote:v") == 1  # all but the newest
    assert await retention(process, now_ms=31 * DAY_MS).trim("vote:v") == 1
    assert await stored_states(process) == []
    assert (await process.votes.get("v")).position.offset == 2
    one, two = await Polling.make(database, b"p2"), await Polling.make(database, b"p3")
    assert await asyncio.gather(*(each.votes.show("v") for each in (one, two) * 3)) == [True] * 6
    (state,) = await stored_states(process)
    assert (state["offset"], state["data"]["voters"]) == (3, 1)
    page = Page(two)
    await page.follow("vote:v", Next())
    assert page.offsets == [3]
    assert not await one.votes.show("w")
    assert (await one.votes.cast("v", "u", [0])).standing.position.offset == 4


@pytest.mark.gen_test(timeout=30)
async def test_another_life_of_the_log_begins_with_how_the_vote_stands(database):
    process = await Polling.make(database)
    await process.vote()
    await process.votes.cast("v", "u", [1])
    renew(process, "restored")
    standing, mine = await process.votes.seen_by("v", "u")
    assert (standing.position, standing.vote.voters, mine) == (Position("restored", 0), 1, [1])
    again = await process.votes.cast("v", "u", [1])  # nothing changes, but nobody could follow it
    assert again.standing.position == Position("restored", 3)
    (state,) = await stored_states(process)
    assert (state["position"], state["data"]["tally"]) == ("restored-3", [0, 1, 0])
    renew(process, "restored2")
    assert await process.votes.show("v")
    assert (await process.votes.get("v")).position == Position("restored2", 4)


@pytest.mark.gen_test(timeout=30)
async def test_a_ballot_under_way_when_another_life_begins_is_not_acknowledged_in_the_old_one(database):
    process = await Polling.make(database)
    await process.vote()

    async def work(session):
        step = await process.votes._ballots._set(session, "v", {"u": [1]})
        renew(process, "restored")
        return step

    with pytest.raises(vote_log.EpochChanged):
        await process.votes._votes.commit("v", work)
    assert (await process.votes.cast("v", "u", [1])).standing.position == Position("restored", 3)
    (state,) = await stored_states(process)
    assert state["data"]["voters"] == 1


def renew(process: Process, epoch: str) -> None:
    process.reader.epoch = epoch
    process.writer.renew()
    process.hub.renew(epoch)


@pytest.mark.gen_test(timeout=30)
async def test_a_vote_whose_making_was_not_acknowledged_may_be_made_again(database, behind_proxy):
    process, proxy = behind_proxy
    closes = now_ms() + DAY_MS
    proxy.armed = True
    making = asyncio.ensure_future(process.votes.create("v", ANNA, new_vote(closes=closes)))
    async with asyncio.timeout(10):
        while not await database.votes.count_documents({}):
            await asyncio.sleep(0.01)
    proxy.armed, proxy.mode = False, "pass"
    proxy.cut()
    standing = await making
    assert standing == await process.votes.create("v", ANNA, new_vote(closes=closes))
    assert msgspec.to_builtins(standing.vote) == (await stored_states(process))[0]["data"]
    with pytest.raises(ProtocolError, match="id-reused"):
        await process.votes.create("v", ANNA, new_vote())
