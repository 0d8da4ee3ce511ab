"""Jobs of two processes on one database: what either writes follows what the other wrote, and an older value never replaces a newer one."""

import asyncio
import random
import time

import pytest

from protocol.codes import ProtocolError
from protocol.progress import Change, NewJob
from store.job_channel import EVERY_S, OTHERS_S, Shown
from tests.store.processes import ANNA
from tests.store.working import HUNDRED, ONE_DRIVER, Office, check_history, office, two_offices


async def follow(office: Office, id: str, within_s: float = 10, **fields: object) -> None:
    """Until what is shown in that process has these fields."""
    async with asyncio.timeout(within_s):
        while not shows(await office.jobs.get(id), fields):
            await asyncio.sleep(0.01)


def shows(shown: Shown, fields: dict[str, object]) -> bool:
    return all(getattr(shown.job, name) == value for name, value in fields.items())


@pytest.mark.gen_test(timeout=20)
async def test_what_one_writes_the_other_shows(connection):
    async with two_offices(connection) as (one, two):
        id = await one.make()
        assert (await two.jobs.get(id)).job == (await one.jobs.get(id)).job
        await one.jobs.update(id, Change(done=10, note="from one"))
        await follow(two, id, done=10, note="from one")
        await two.jobs.update(id, Change(done=20))
        await follow(one, id, done=20, note="from one")
        await one.jobs.update(id, Change(state="cancelled"))
        await follow(two, id, state="cancelled")
        assert (await two.jobs.update(id, Change(done=30))).job.done == 20
        assert (await two.jobs.made(id)).key == (await one.jobs.made(id)).key


@pytest.mark.parametrize("bus", [True, False])
@pytest.mark.gen_test(timeout=20)
async def test_two_clicks_in_two_processes_make_one_job(connection, bus):
    async with two_offices(connection, bus=bus) as offices:
        for number in range(8):
            asked = [offices[i % 2].jobs.create(f"id-{number}", ANNA, HUNDRED) for i in range(6)]
            made = await asyncio.gather(*asked)
            assert len({one.key for one, _, _ in made}) == 1
            assert [is_new for _, _, is_new in made].count(True) == 1
            assert len(await offices[0].states(f"id-{number}")) == 1


@pytest.mark.gen_test(timeout=20)
async def test_a_process_that_nobody_told_finds_out_when_it_writes(connection):
    async with two_offices(connection, bus=False) as (one, two):
        id = await one.make()
        assert (await two.jobs.get(id)).job.done == 0  # from here on it believes that it knows
        await one.jobs.update(id, Change(done=50, note="one", seq=7))
        await one.written(id, done=50)
        await two.jobs.update(id, Change(done=30, note="two", seq=6))
        await follow(two, id, done=50, note="one", seq=7)
        await two.jobs.update(id, Change(done=60, seq=8))
        await two.written(id, done=60, note="one", seq=8)
        ended = await one.jobs.update(id, Change(state="failed", note="broken"))  # nor has the first one heard
        assert (ended.job.done, ended.job.state) == (60, "failed")
        with pytest.raises(ProtocolError, match="job-ended"):
            await two.jobs.update(id, Change(state="done"))
        check_history(await one.states(id))


@pytest.mark.parametrize("bus", [True, False])
@pytest.mark.gen_test(timeout=30)
async def test_mixed_updates(connection, bus):
    async with two_offices(connection, bus=bus) as offices:
        chance = random.Random(7)
        ids = [await offices[0].make(NewJob("Mixed", total=1000)) for _ in range(4)]

        async def work(id: str, first: int) -> None:
            for step in range(first, 120, 4):
                await offices[chance.randrange(2)].jobs.update(id, Change(done=step, note=f"n{step}", seq=step))
                await asyncio.sleep(chance.uniform(0, 0.02))
                assert (await offices[chance.randrange(2)].jobs.get(id)).job.state == "running"

        await asyncio.gather(*(work(id, first) for id in ids for first in range(4)))
        for id in ids:
            await offices[0].written(id, done=119, note="n119", seq=119)
            ends = [office.jobs.update(id, Change(state=state)) for office, state in zip(offices, ("done", "failed"), strict=True)]
            first, second = await asyncio.gather(*ends, return_exceptions=True)
            assert isinstance(first, ProtocolError) != isinstance(second, ProtocolError)
            winner = second if isinstance(first, ProtocolError) else first
            states = await offices[0].states(id)
            assert states[-1]["data"]["state"] == winner.job.state
            check_history(states)


@pytest.mark.gen_test(timeout=20)
async def test_who_asks_for_a_job_that_another_process_has_ended_gets_its_end(connection):
    async with two_offices(connection) as (one, two):
        for _ in range(5):
            id = await one.make()
            await one.jobs.update(id, Change(done=1))
            await one.written(id, done=1)
            await one.jobs.update(id, Change(done=50))  # waits for its turn
            await two.jobs.update(id, Change(state="done", done=20))
            async with asyncio.timeout(5):
                while (shown := await one.jobs.get(id)).job.state != "done":
                    await asyncio.sleep(0.002)
            assert (shown.job.done, shown.job.percent) == (20, 100)
            check_history(await one.states(id))


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_storm_over_two_processes_is_bounded_as_one_is(connection):
    async with two_offices(connection) as offices:
        id = await offices[0].make(NewJob("Storm", total=10**6))
        began_s = time.monotonic()
        done = 0
        while time.monotonic() - began_s < 2:
            done += 1
            await offices[done % 2].jobs.update(id, Change(done=done))
            if done % 20 == 0:
                await asyncio.sleep(0.001)
        took_s = time.monotonic() - began_s
        await offices[0].written(id, within_s=1.5, done=done)
        states = await offices[0].states(id)
        assert len(states) <= 4 + took_s / EVERY_S + OTHERS_S / EVERY_S
        assert len({state["offset"] for state in states}) == len(states)
        check_history(states)


@ONE_DRIVER
@pytest.mark.gen_test(timeout=20)
async def test_a_job_is_stalled_once_whoever_looks(connection):
    async with two_offices(connection, stalled_s=0.5) as (one, two):
        id = await one.make()
        await one.written(id, state="stalled")
        await follow(two, id, state="stalled")
        await asyncio.sleep(0.5)
        assert [state["data"]["state"] for state in await one.states(id)] == ["running", "stalled"]
        await two.jobs.update(id, Change(done=1))
        await follow(one, id, state="running", done=1)


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_job_that_another_process_woke_is_looked_at_again(connection):
    watched = connection.watcher.get_database(connection.database.name)
    async with office(connection.database, b"p1", watched=watched, stalled_s=0.4) as here:
        id = await here.make()
        for done in (1, 2):
            await here.written(id, state="stalled")
            async with office(connection.database, b"p2", stalled_s=60) as other:
                await other.jobs.update(id, Change(done=done))
        await here.written(id, state="stalled", done=2)
        assert [state["data"]["state"] for state in await here.states(id)] == ["running", "stalled"] * 3
