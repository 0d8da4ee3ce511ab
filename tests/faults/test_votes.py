"""Two hundred voters over all four wires while the server is killed: the tally is that of the last ballots, and every page says so."""

import asyncio
import logging
import os
import random
import signal
import time
from collections.abc import Callable

import pytest
from tornado.httpclient import HTTPClientError

from tests.faults.clients import WIRES, Violation
from tests.faults.voters import Voter, tally_of
from tests.handlers.talking import database_uri
from tests.running import Server

CHOICES = 5
AGREE_S = 1.0


async def until(condition: Callable[[], object], tasks: list[asyncio.Task], within_s: float) -> float:
    """How long it took. Raises what one of *tasks* raised."""
    began = time.monotonic()
    while not condition():
        for task in tasks:
            if task.done() and task.exception() is not None:
                raise task.exception()
        if time.monotonic() - began > within_s:
            raise Violation(f"not within {within_s} s")
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def poll(
    urls: Callable[[random.Random], Callable[[], str]], count: int, ballots: int, kills: list[Callable[[], None]], seed: int
) -> dict:
    """*urls* gives each voter its way to the servers; *kills* come while they vote. Returns what was measured. Raises Violation."""
    # connections that are cut on purpose end in exceptions that nobody waits for
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    logging.getLogger("tornado").setLevel(logging.CRITICAL)
    chance = random.Random(seed)
    creator = Voter(urls(chance), "", "sse", chance)
    body = {"question": "Which?", "choices": [f"choice {number}" for number in range(CHOICES)], "multiple": True}
    vote = (await creator.ask("POST", "votes", body))["id"]
    voters = []
    for number in range(count):
        own = random.Random(f"{seed}-{number}")
        voters.append(Voter(urls(own), vote, WIRES[number % len(WIRES)], own))
    following = []
    for voter in voters:
        following.append(asyncio.ensure_future(voter.follow()))
        await asyncio.sleep(0.003)
    await until(lambda: all(voter.shown for voter in voters), following, 10)

    async def vote_often(voter: Voter, own: random.Random) -> None:
        for _ in range(ballots):
            await asyncio.sleep(own.uniform(0, 1.5))
            await voter.cast(sorted(own.sample(range(CHOICES), own.randint(0, 3))))

    began = time.monotonic()
    voting = [asyncio.ensure_future(vote_often(voter, random.Random(f"{seed}-ballots-{n}"))) for n, voter in enumerate(voters)]
    acknowledged = [0]
    for number, kill in enumerate(kills, 1):
        due = count * ballots * number // (len(kills) + 1)
        await until(lambda due=due: _sum(voters) >= due, following + voting, 20)
        acknowledged.append(_sum(voters))
        await asyncio.to_thread(kill)
    await until(lambda: all(task.done() for task in voting), following, 20)
    assert all(before < after < count * ballots for before, after in zip(acknowledged, acknowledged[1:], strict=False)), acknowledged
    [task.result() for task in voting]
    voted_s = time.monotonic() - began
    tally = tally_of(voters, CHOICES)
    agreed_s = await until(lambda: all(voter.shown["tally"] == tally for voter in voters), following, AGREE_S)
    assert len({voter.position for voter in voters}) == 1
    assert {voter.shown["voters"] for voter in voters} == {sum(bool(voter.choices) for voter in voters)}
    for voter in voters[::10]:
        assert (await voter.ask("GET", f"votes/{vote}"))["mine"] == voter.choices

    closed = await creator.ask("POST", f"votes/{vote}/close", {})
    assert closed["tally"] == tally
    closed_s = await until(lambda: not any(voter.shown["open"] for voter in voters), following, AGREE_S)
    for voter in voters[::20]:
        with pytest.raises(HTTPClientError) as late:
            await voter.ask("PUT", f"votes/{vote}/ballot", {"choices": [0]})
        assert late.value.code == 409
    assert (await creator.ask("GET", f"votes/{vote}"))["tally"] == tally
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    return {
        "ballots": _sum(voters),
        "tries": sum(voter.tries for voter in voters),
        "seconds": round(voted_s, 1),
        "states": int(closed["position"].partition("-")[2]),
        "acknowledged before each kill": acknowledged[1:],
        "all pages agree after": round(agreed_s, 3),
        "all pages closed after": round(closed_s, 3),
    }


def _sum(voters: list[Voter]) -> int:
    return sum(voter.acknowledged for voter in voters)


def restart(server: Server) -> None:
    server.kill()
    server.start()


def test_two_hundred_voters_while_the_server_is_killed_twice_and_mongod_once(start_server):
    server: Server = start_server(hold_s=2, heartbeat_s=1, poll_s=0.1)
    kills = [lambda: restart(server), lambda: os.kill(server.mongod_pid, signal.SIGKILL), lambda: restart(server)]
    happened = asyncio.run(poll(lambda chance: lambda: server.url, 200, 4, kills, seed=1))
    assert happened["ballots"] == 800 and happened["tries"] > 800
    assert server.tracebacks() == []


def test_two_servers_on_one_database_of_which_one_is_killed_again_and_again(start_server):
    """Their MongoDB lives on, with what the dead one had begun."""
    owner: Server = start_server(hold_s=2, heartbeat_s=1, poll_s=0.1)
    servers = [start_server(hold_s=2, heartbeat_s=1, poll_s=0.1, mongodb_uri=database_uri(owner, "shared")) for _ in range(2)]

    kills = [lambda: restart(servers[0])] * 4
    happened = asyncio.run(poll(lambda chance: lambda: chance.choice(servers).url, 60, 6, kills, seed=2))
    assert happened["ballots"] == 360
    for server in servers:
        server.stop()  # before the MongoDB that they use
    assert [line for server in servers for line in server.tracebacks()] == []
