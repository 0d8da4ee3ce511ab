"""Jobs while the database is away, silent, restored or dropped.

The last update is written all the same, and no end is shown that could be lost.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

import store.job_channel
from protocol.codes import ProtocolError, Unavailable
from protocol.progress import Change
from store.connect import connect
from store.drivers import settle
from tests.store.processes import Proxy
from tests.store.working import ONE_DRIVER, Office, check_history, office

DEADLINE_S = 0.5
"""How long a write waits for a database that is away."""


@contextlib.asynccontextmanager
async def behind_a_proxy(connection: Any, mongo_uri: str) -> AsyncIterator[tuple[Office, Proxy]]:
    proxy = await Proxy(mongo_uri).start()
    # the driver's own second try would find a lost answer by itself
    through = await connect(uri=proxy.uri + "&retryWrites=false", data=None, driver=connection.driver, database=connection.database.name)
    try:
        async with office(through.database, b"far", deadline_s=DEADLINE_S) as here:
            yield here, proxy
    finally:
        for client in (through.watcher, through.writer):
            await settle(await asyncio.to_thread(client.close))  # Motor's waits for the proxy, which needs this loop
        await proxy.stop()


async def back(proxy: Proxy) -> None:
    proxy.mode = "pass"
    proxy.cut()


@pytest.mark.gen_test(timeout=40)
async def test_the_database_away_and_back(connection, mongo_uri):
    async with behind_a_proxy(connection, mongo_uri) as (here, proxy), office(connection.database, b"near") as near:
        id, ended = await here.make(), await here.make()
        await here.jobs.update(id, Change(done=1))
        await near.written(id, done=1)
        proxy.mode = "freeze"
        for done in range(2, 50):
            assert (await here.jobs.update(id, Change(done=done))).job.done == done
            await asyncio.sleep(0.01)
        end = asyncio.ensure_future(here.jobs.update(ended, Change(state="failed", note="no database")))
        while not here.is_writing(ended):
            await asyncio.sleep(0)
        shown = (await here.jobs.get(ended)).job
        assert (shown.state, shown.note) == ("running", None)
        with pytest.raises(Unavailable):
            await end
        assert (await here.jobs.get(ended)).job.state == "running"
        assert (await near.states(ended))[-1]["data"]["state"] == "running"
        again = asyncio.ensure_future(here.jobs.update(ended, Change(state="failed", note="no database")))
        await back(proxy)
        await near.written(id, done=49)
        await near.written(ended, state="failed", note="no database")  # nobody has to ask for it
        await asyncio.wait([again])
        assert (await here.jobs.update(ended, Change(state="failed", note="no database"))).job.state == "failed"
        for one in (id, ended):
            check_history(await near.states(one))


@pytest.mark.parametrize("state", ["done", "cancelled"])
@pytest.mark.gen_test(timeout=40)
async def test_an_answer_that_is_lost_writes_nothing_twice(connection, mongo_uri, state):
    async with behind_a_proxy(connection, mongo_uri) as (here, proxy), office(connection.database, b"near") as near:
        id = await here.make()
        await here.jobs.update(id, Change(done=10, note="before", seq=1))
        await near.written(id, done=10)
        proxy.mode = "swallow-answers"
        await here.jobs.update(id, Change(done=20, note="on the way", seq=2))
        await near.written(id, done=20)  # it has arrived, and here nobody knows
        end = asyncio.ensure_future(here.jobs.update(id, Change(state=state)))
        await asyncio.sleep(0)
        await back(proxy)
        with contextlib.suppress(Unavailable):
            await end
        await near.written(id, state=state, done=20, note="on the way")
        async with asyncio.timeout(5):
            while (await here.jobs.get(id)).job.state != state:
                await asyncio.sleep(0.02)
        states = await near.states(id)
        assert [one["data"]["state"] for one in states].count(state) == 1
        check_history(states)


@ONE_DRIVER
@pytest.mark.gen_test(timeout=40)
async def test_another_process_writes_while_this_one_has_lost_the_database(connection, mongo_uri):
    async with behind_a_proxy(connection, mongo_uri) as (here, proxy), office(connection.database, b"near") as near:
        id = await here.make()
        await here.jobs.update(id, Change(done=10, note="far", seq=1))
        await near.written(id, done=10)
        proxy.mode = "freeze"
        await here.jobs.update(id, Change(done=20, note="far again", seq=2))
        await near.jobs.update(id, Change(done=60, note="near", seq=5))
        await near.written(id, done=60)
        await asyncio.sleep(2 * DEADLINE_S)
        await here.jobs.update(id, Change(done=70))
        await back(proxy)
        newest = await near.written(id, done=70)
        assert (newest["data"]["note"], newest["data"]["seq"]) == ("near", 5)
        check_history(await near.states(id))


@ONE_DRIVER
@pytest.mark.gen_test(timeout=40)
async def test_who_is_away_while_another_process_ends_the_job_is_told(connection, mongo_uri):
    async with behind_a_proxy(connection, mongo_uri) as (here, proxy), office(connection.database, b"near") as near:
        id = await here.make()
        await here.jobs.get(id)
        proxy.mode = "freeze"
        await here.jobs.update(id, Change(done=50))
        end = asyncio.ensure_future(here.jobs.update(id, Change(state="done")))
        await near.jobs.update(id, Change(state="cancelled"))
        await back(proxy)
        with pytest.raises((ProtocolError, Unavailable)):
            await end
        with pytest.raises(ProtocolError, match="job-ended"):
            while True:
                with contextlib.suppress(Unavailable):
                    await here.jobs.update(id, Change(state="done"))
        shown = (await here.jobs.update(id, Change(done=60))).job
        assert (shown.state, shown.done) == ("cancelled", 0)
        check_history(await near.states(id))


# other lives of the log


@pytest.mark.gen_test(timeout=30)
async def test_after_a_restore_running_jobs_go_on_and_ended_ones_are_no_longer_kept(database):
    async with office(database) as here:
        running, ended = await here.make(), await here.make()
        await here.jobs.update(running, Change(done=30))
        await here.written(running, done=30)
        await here.jobs.update(ended, Change(state="done"))
        await database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "restored"}})
        here.renew("restored")
        shown = await here.jobs.update(running, Change(done=40))
        assert (shown.job.done, shown.job.state) == (40, "running")
        assert (await here.written(running, done=40))["position"].startswith("restored-")
        with pytest.raises(ProtocolError, match="not-found"):
            await here.jobs.get(ended)
        with pytest.raises(ProtocolError, match="not-found"):
            await here.jobs.update(ended, Change())
        assert await here.states(ended) == []
    async with office(database, b"p2") as fresh:
        assert (await fresh.jobs.get(running)).job.done == 40
        with pytest.raises(ProtocolError, match="not-found"):
            await fresh.jobs.get(ended)


@pytest.mark.gen_test(timeout=30)
async def test_what_is_pending_passes_into_the_new_life(database, monkeypatch):
    async with office(database) as here:
        id = await here.make()
        await here.jobs.update(id, Change(done=1))
        await here.written(id, done=1)
        monkeypatch.setattr(store.job_channel, "EVERY_S", 1000.0)  # else it may be written in the old life
        for done in range(2, 20):
            await here.jobs.update(id, Change(done=done))
        await database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "restored"}})
        here.renew("restored")
        here.hurry(id)
        assert (await here.written(id, done=19))["offset"] <= 2
        ended = await here.jobs.update(id, Change(state="done"))
        assert ended.position.startswith("restored-")


@pytest.mark.gen_test(timeout=30)
async def test_jobs_of_a_dropped_database_are_gone(connection):
    async with office(connection.database) as here:
        id = await here.make()
        await here.jobs.update(id, Change(done=30))
        await here.written(id, done=30)
        await connection.writer.drop_database(connection.database.name)
        here.renew("another")
        for _ in range(2):
            with pytest.raises(ProtocolError, match="not-found"):
                await here.jobs.get(id)
        assert await here.jobs.of_user("u_anna") == []
        assert (await here.jobs.create(id, {"id": "u_anna", "name": "Anna"}, (await here.jobs.made(await here.make())).new))[2]
