"""Votes on a real MongoDB, by both drivers: the tally is that of the last ballots, whoever else counts at the same time."""

import asyncio
import random

import msgspec
import pytest

from protocol.codes import ProtocolError, Unavailable
from protocol.positions import Next
from tests.store.processes import ANNA, BEN
from tests.store.voting import DAY_MS, Page, Polling, check, new_vote, now_ms, stored_states, until


@pytest.mark.gen_test(timeout=20)
async def test_a_vote_begins_with_a_state(database):
    process = await Polling.make(database)
    standing = await process.votes.create("v", ANNA, new_vote())
    assert str(standing.position) == f"{process.hub.epoch}-1" and standing.vote.tally == [0, 0, 0]
    (state,) = await stored_states(process)
    assert (state["type"], state["user"], state["data"]) == ("state", ANNA, msgspec.to_builtins(standing.vote))
    await check(process, {})
    with pytest.raises(ProtocolError, match="not-found"):
        await process.votes.get("w")


@pytest.mark.gen_test(timeout=20)
async def test_the_same_vote_made_again_is_the_same_one(database):
    one, two = await Polling.make(database, b"p1"), await Polling.make(database, b"p2")
    closes = now_ms() + DAY_MS
    made = await asyncio.gather(*(process.votes.create("v", ANNA, new_vote(closes=closes)) for process in (one, two) * 3))
    assert {str(standing.position) for standing in made} == {f"{one.hub.epoch}-1"}
    await one.votes.cast("v", "u", [1])
    assert (await two.votes.create("v", ANNA, new_vote(closes=closes))).position.offset == 2
    for other in (new_vote(), new_vote(closes=closes, multiple=True), new_vote(closes=closes, choices=["Tea", "Coffee"])):
        with pytest.raises(ProtocolError, match="id-reused"):
            await two.votes.create("v", ANNA, other)
    later = await Polling.make(database, b"p3", wall_ms=lambda: closes + 1)
    assert (await later.votes.create("v", ANNA, new_vote(closes=closes))).position.offset == 2
    for soon in (closes, closes + 1, closes + 1 + 400 * DAY_MS):
        with pytest.raises(ProtocolError, match="closes"):
            await later.votes.create("w", ANNA, new_vote(closes=soon))


@pytest.mark.gen_test(timeout=20)
async def test_a_ballot_is_changed_at_will_and_taken_back(database):
    process = await Polling.make(database)
    await process.vote(multiple=True)
    for choices, tally, voters, offset in (
        ([0], [1, 0, 0], 1, 2),
        ([0], [1, 0, 0], 1, 2),
        ([0, 2], [1, 0, 1], 1, 3),
        ([], [0, 0, 0], 0, 4),
        ([], [0, 0, 0], 0, 4),
        ([1], [0, 1, 0], 1, 5),
    ):
        standing, mine = await process.votes.cast("v", "u", choices)
        assert (standing.vote.tally, standing.vote.voters, standing.position.offset, mine) == (tally, voters, offset, choices)
        assert (await process.votes.seen_by("v", "u")) == (standing, mine)
        assert (await process.votes.seen_by("v", "somebody else")).mine == []
        await check(process, {"u": choices})


@pytest.mark.gen_test(timeout=60)
async def test_the_tally_of_two_processes_is_that_of_the_last_ballots(connection):
    one, two = await Polling.make(connection.database, b"p1"), await Polling.make(connection.database, b"p2")
    await one.vote(multiple=True)
    watched = connection.watcher.get_database(connection.database.name)
    buses = [process.bus(watched) for process in (one, two)]
    pages = [Page(process) for process in (one, two)]
    for bus, page in zip(buses, pages, strict=True):
        await bus.start()
        await page.follow("vote:v", Next())
    last: dict[str, list[int]] = {}

    async def voter(number: int) -> None:
        chance = random.Random(number)
        for _ in range(8):
            choices = sorted(chance.sample(range(3), chance.randint(0, 3)))
            standing, mine = await chance.choice((one, two)).votes.cast("v", f"u{number}", choices)
            last[f"u{number}"] = choices
            assert mine == choices and all(standing.vote.tally[choice] for choice in choices)

    await asyncio.gather(*(voter(number) for number in range(40)))
    await check(one, last)
    standing = await two.votes.get("v")
    for page in pages:
        await until(lambda page=page: page.states and page.states[-1] == msgspec.to_builtins(standing.vote))
        assert page.offsets == sorted(set(page.offsets))
    for bus in buses:
        await bus.close()


@pytest.mark.gen_test(timeout=20)
async def test_of_two_ballots_at_once_the_later_counts(database):
    process = await Polling.make(database)
    await process.vote()
    others = [process.votes.cast("v", f"u{number}", [1]) for number in range(20)]
    counted = await asyncio.gather(*(process.votes.cast("v", "u", [choice]) for choice in (0, 1, 2)), *others)
    assert [mine for _, mine in counted[:3]] == [[2]] * 3
    assert {standing.position.offset for standing, _ in counted} == {2}  # together, in one transaction
    await check(process, {"u": [2], **{f"u{number}": [1] for number in range(20)}})


@pytest.mark.gen_test(timeout=20)
async def test_ballots_wait_for_whoever_holds_the_vote_and_nothing_of_an_aborted_one_is_left(database):
    process = await Polling.make(database)
    await process.vote()
    refused = asyncio.Event()

    async def half(session):
        await process.votes._ballots._set(session, "v", {"u1": [0], "u2": [0]})
        held.set()
        await refused.wait()
        raise ProtocolError("forbidden")

    held = asyncio.Event()
    aborted = asyncio.ensure_future(process.votes._votes.commit("v", half))
    await held.wait()
    cast = asyncio.ensure_future(process.votes.cast("v", "u1", [2]))
    assert not (await asyncio.wait([cast], timeout=0.3))[0]
    refused.set()
    with pytest.raises(ProtocolError, match="forbidden"):
        await aborted
    assert (await cast).standing.position.offset == 2
    await check(process, {"u1": [2]})


@pytest.mark.gen_test(timeout=20)
async def test_a_ballot_that_was_given_up_is_not_counted_later(database, monkeypatch):
    process = await Polling.make(database)
    await process.vote()
    monkeypatch.setattr("store.ballots.DEADLINE_S", 0.2)
    held, free = asyncio.Event(), asyncio.Event()

    async def hold(session):
        step = await process.votes._ballots._set(session, "v", {"u1": [0]})
        held.set()
        await free.wait()
        return step

    holding = asyncio.ensure_future(process.votes._votes.commit("v", hold))
    await held.wait()
    with pytest.raises(Unavailable):
        await process.votes.cast("v", "u2", [0])
    free.set()
    await holding
    await process.votes.counted()
    await check(process, {"u1": [0]})


@pytest.mark.gen_test(timeout=20)
async def test_closed_is_closed(database):
    one, two = await Polling.make(database, b"p1"), await Polling.make(database, b"p2")
    await one.vote()
    await one.votes.cast("v", "u", [0])
    ended = await asyncio.gather(*(process.votes.end("v") for process in (one, two) * 3))
    assert {(standing.vote.open, standing.position.offset) for standing in ended} == {(False, 3)}
    for choices in ([0], [1], []):
        with pytest.raises(ProtocolError, match="vote-closed"):
            await two.votes.cast("v", "u", choices)
    await check(two, {"u": [0]})
    for unknown in (one.votes.end("w"), one.votes.cast("w", "u", [0])):
        with pytest.raises(ProtocolError, match="not-found"):
            await unknown


@pytest.mark.gen_test(timeout=20)
async def test_ballots_and_the_end_at_once(database):
    """What was acknowledged is in the final tally, and nothing else."""
    one, two = await Polling.make(database, b"p1"), await Polling.make(database, b"p2")
    await one.vote()
    acknowledged: dict[str, list[int]] = {}

    async def voter(number: int) -> None:
        await asyncio.sleep(number * 0.002)
        try:
            await (one, two)[number % 2].votes.cast("v", f"u{number}", [number % 3])
        except ProtocolError as error:
            assert error.code == "vote-closed"
        else:
            acknowledged[f"u{number}"] = [number % 3]

    voting = [asyncio.ensure_future(voter(number)) for number in range(60)]
    await until(lambda: len(acknowledged) > 10)
    assert not (await two.votes.end("v")).vote.open
    await asyncio.gather(*voting)
    assert 10 < len(acknowledged) < 60
    await check(one, acknowledged)


@pytest.mark.gen_test(timeout=20)
async def test_at_its_time_one_final_state_is_stored_by_whichever_process(database):
    one, two = await Polling.make(database, b"p1"), await Polling.make(database, b"p2")
    pages = [Page(one), Page(two)]
    closes = now_ms() + 1200
    await one.vote(closes=closes)
    for page in pages:
        await page.follow("vote:v", Next())
    for process in (one, two):
        await process.votes.start()
    await one.votes.cast("v", "u", [0])
    await until(lambda: any(not state["open"] for page in pages for state in page.states))
    assert 0 <= now_ms() - closes < 300
    await asyncio.gather(*(process.votes._end_due() for process in (one, two)))
    states = await stored_states(one)
    assert [state["data"]["open"] for state in states] == [True, True, False]
    assert await database.votes.count_documents({"due": {"$exists": True}}) == 0
    for process in (one, two):
        await process.votes.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_ballot_after_the_time_is_late_though_nobody_looked_at_the_clock(database):
    closes = now_ms() + DAY_MS
    early, late = await Polling.make(database, b"p1"), await Polling.make(database, b"p2", wall_ms=lambda: closes)
    await early.vote(closes=closes)
    await early.votes.cast("v", "u", [0])
    seen = await late.votes.get("v")
    assert (seen.vote.open, seen.position.offset) == (False, 2)
    for choices in ([0], [1]):
        with pytest.raises(ProtocolError, match="vote-closed"):
            await late.votes.cast("v", "u", choices)
    with pytest.raises(ProtocolError, match="vote-closed"):  # whose clock is behind
        await early.votes.cast("v", "u2", [1])
    assert (await early.votes.end("v")).position.offset == 3
    await check(early, {"u": [0]})


@pytest.mark.gen_test(timeout=20)
async def test_a_vote_whose_time_passed_while_no_server_ran_is_closed_at_the_start(database):
    closes = now_ms() + DAY_MS
    process = await Polling.make(database)
    for number in range(5):
        await process.vote(f"v{number}", closes=closes + number)
    restarted = await Polling.make(database, b"p2", wall_ms=lambda: closes + 3)
    await restarted.votes.start()
    async with asyncio.timeout(5):
        while await database.votes.count_documents({"open": True}) > 1:
            await asyncio.sleep(0.01)
    assert (await restarted.votes.get("v4")).vote.open
    await restarted.votes.close()


@pytest.mark.gen_test(timeout=20)
async def test_what_users_send_is_no_operator_and_no_key(database):
    process = await Polling.make(database)
    odd = {"question": "$inc", "choices": ["$set", "a.b", "\x00", "tally.0"], "id": "$where"}
    user = {"id": "u.$x", "name": "$name"}
    standing = await process.votes.create("v", user, new_vote(**odd))
    assert standing.new == new_vote(**odd) and standing.creator == user
    for voter in ("$u", "a.b", "", "\x00"):
        assert (await process.votes.cast("v", voter, [1])).mine == [1]
    await check(process, {voter: [1] for voter in ("$u", "a.b", "", "\x00")})
    with pytest.raises(ProtocolError, match="not-found"):
        await process.votes.get("$v")


@pytest.mark.gen_test(timeout=20)
async def test_nothing_is_taken_while_the_disk_is_full_and_the_backlog_is_bounded(database, monkeypatch):
    process = await Polling.make(database)
    await process.vote()
    process.log.refusing = "The disk is nearly full."
    for refused in (process.votes.cast("v", "u", [0]), process.votes.create("w", BEN, new_vote())):
        with pytest.raises(Unavailable, match="disk"):
            await refused
    process.log.refusing = None
    monkeypatch.setattr("store.ballots.BACKLOG", 3)
    casts = await asyncio.gather(*(process.votes.cast("v", f"u{number}", [0]) for number in range(5)), return_exceptions=True)
    assert [isinstance(cast, Unavailable) for cast in casts] == [False, False, False, True, True]
    await check(process, {f"u{number}": [0] for number in range(3)})
