"""Jobs in one process: merged, written at a bounded rate, the last one always; and what a restart finds."""

import asyncio
import time

import pytest

from protocol.codes import ProtocolError
from protocol.progress import Change, NewJob, TaskChange
from store import jobs as jobs_module
from tests.store.processes import ANNA, BEN
from tests.store.working import HUNDRED, ONE_DRIVER, check_history, office

WRITES_PER_S = 4


@pytest.mark.gen_test(timeout=20)
async def test_a_job_from_its_first_state_to_its_last(database):
    async with office(database) as here:
        id = await here.make()
        first = await here.jobs.get(id)
        epoch = here.process.hub.epoch
        assert (first.job.state, first.job.done, first.job.percent, first.job.rate, first.position) == ("running", 0, 0, None, f"{epoch}-1")
        shown = await here.jobs.update(id, Change(done=25, note="reading"))
        assert (shown.job.percent, shown.job.note, shown.job.state) == (25, "reading", "running")
        await here.written(id, done=25)
        shown = await here.jobs.update(id, Change(state="done", done=100, result={"rows": 100}))
        assert (shown.job.state, shown.job.percent, shown.job.result) == ("done", 100, {"rows": 100})
        states = await here.states(id)
        assert [state["type"] for state in states] == ["state"] * len(states)
        assert (states[-1]["data"]["state"], states[-1]["user"]) == ("done", ANNA)  # it was in the log when the answer came
        check_history(states)


@pytest.mark.gen_test(timeout=20)
async def test_an_unknown_job(database):
    async with office(database) as here:
        for ask in (here.jobs.get("nothing"), here.jobs.made("nothing"), here.jobs.update("nothing", Change())):
            with pytest.raises(ProtocolError, match="not-found"):
                await ask


@pytest.mark.gen_test(timeout=20)
async def test_the_same_again_is_the_same_job_and_another_one_is_refused(database):
    async with office(database) as here:
        made, shown, is_new = await here.jobs.create("id-1", ANNA, HUNDRED)
        again, shown_again, is_new_again = await here.jobs.create("id-1", ANNA, NewJob("Import", total=100.0, unit="rows"))
        assert (is_new, is_new_again, again.key, shown_again) == (True, False, made.key, shown)
        for user, new, task in (
            (BEN, HUNDRED, None),
            (ANNA, NewJob("Export", total=100, unit="rows"), None),
            (ANNA, HUNDRED, {"digest": "x"}),
        ):
            with pytest.raises(ProtocolError, match="id-reused"):
                await here.jobs.create("id-1", user, new, task)
        assert len(await here.states("id-1")) == 1


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_storm_is_written_four_times_a_second_and_the_last_value_at_once(database):
    async with office(database) as here:
        id = await here.make(NewJob("Storm", total=10**6))
        began_s = time.monotonic()
        done = 0
        while time.monotonic() - began_s < 2:
            done += 1
            shown = await here.jobs.update(id, Change(done=done, note=f"n{done}"))
            assert shown.job.done == done
            if done % 50 == 0:
                await asyncio.sleep(0.001)
        took_s = time.monotonic() - began_s
        assert done > 1000
        last = await here.written(id, within_s=0.6, done=done, note=f"n{done}")
        states = await here.states(id)
        assert len(states) <= 2 + WRITES_PER_S * (took_s + 0.6)
        assert len(states) >= WRITES_PER_S  # nor seldom
        assert last["data"]["rate"] > 0 and last["data"]["eta"] > 0
        check_history(states)
        await here.jobs.update(id, Change(done=10**6, state="done"))
        assert (await here.states(id))[-1]["data"]["state"] == "done"


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_the_rate_is_reckoned_here_and_the_time_left_follows(database):
    async with office(database) as here:
        id = await here.make(NewJob("Steady", total=1000))
        began_s = time.monotonic()
        for step in range(1, 31):
            await here.jobs.update(id, Change(done=10 * step))
            await asyncio.sleep(began_s + 0.05 * step - time.monotonic())
        job = (await here.jobs.get(id)).job
        assert 150 < job.rate < 250
        assert job.eta == pytest.approx((1000 - job.done) / job.rate, abs=0.2)
        ended = (await here.jobs.update(id, Change(state="failed", note="no more"))).job
        assert (ended.rate, ended.eta, ended.percent, ended.note) == (None, None, 30, "no more")


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_resumed_script_is_no_faster_for_what_it_did_before(database):
    """Nor is one that comes back from a stall."""
    async with office(database, stalled_s=1.5) as here:
        id = await here.make(NewJob("Resumed", total=100_000))

        async def resume(done: int) -> None:
            await here.jobs.update(id, Change(done=done))
            first = await here.written(id, done=done, state="running")
            assert (first["data"]["rate"], first["data"]["eta"]) == (None, None)
            await asyncio.sleep(0.3)
            await here.jobs.update(id, Change(done=done + 30))
            second = await here.written(id, done=done + 30, state="running")
            assert 0 < second["data"]["rate"] <= 100
            assert second["data"]["eta"] == pytest.approx((100_000 - done - 30) / second["data"]["rate"], abs=0.1)

        await resume(90_000)
        await here.written(id, state="stalled")
        await resume(95_000)
        await here.written(id, state="stalled")
        await here.jobs.update(id, Change())
        await here.written(id, state="running")
        await resume(97_000)


@pytest.mark.gen_test(timeout=20)
async def test_of_many_who_end_it_at_once_all_are_answered(database):
    async with office(database) as here:
        for _ in range(10):
            id = await here.make()
            await here.jobs.update(id, Change(done=5))
            await here.written(id, done=5)
            ends = [here.jobs.update(id, Change(state="cancelled")) for _ in range(3)]
            first = asyncio.gather(*ends)
            while not here.is_writing(id):
                await asyncio.sleep(0)
            later = [asyncio.ensure_future(here.jobs.update(id, Change(state="cancelled"))) for _ in range(3)]
            later.append(asyncio.ensure_future(here.jobs.update(id, Change(done=6))))  # the worker doesn't know yet
            async with asyncio.timeout(5):
                shown = [*await first, *await asyncio.gather(*later)]
            assert {one.job.state for one in shown} == {"cancelled"}
            assert (await here.states(id))[-1]["data"]["state"] == "cancelled"


@pytest.mark.gen_test(timeout=20)
async def test_a_cancel_counts_while_a_numbered_update_is_on_its_way(database):
    async with office(database) as here:
        for number in range(10):
            id = await here.make()
            await here.jobs.update(id, Change(done=5, seq=number + 1))
            while not here.is_writing(id):
                await asyncio.sleep(0)
            shown = await here.jobs.update(id, Change(state="cancelled"))
            assert shown.job.state == (await here.states(id))[-1]["data"]["state"] == "cancelled"


@pytest.mark.gen_test(timeout=20)
async def test_numbers_keep_updates_in_their_order(database):
    async with office(database) as here:
        id = await here.make()
        for seq in (1, 5, 3, 4, 9, 2):
            shown = await here.jobs.update(id, Change(note=f"n{seq}", seq=seq))
        assert (shown.job.note, shown.job.seq) == ("n9", 9)
        await here.written(id, note="n9", seq=9)
        assert (await here.jobs.update(id, Change(state="failed", seq=9))).job.state == "running"
        check_history(await here.states(id))


@pytest.mark.gen_test(timeout=20)
async def test_a_total_that_comes_with_each_update_lets_nothing_go_back(database):
    async with office(database) as here:
        id = await here.make()
        shown = [await here.jobs.update(id, Change(done=done, total=100)) for done in (10, 50, 40, 60, 55)]
        assert [one.job.done for one in shown] == [10, 50, 50, 60, 60]
        shown = [await here.jobs.update(id, change) for change in (Change(total=50), Change(done=0), Change(done=1, total=200))]
        assert [(one.job.done, one.job.percent) for one in shown] == [(60, 100), (60, 100), (1, 0.5)]
        await here.written(id, done=1, total=200)


@pytest.mark.gen_test(timeout=20)
async def test_what_is_pending_is_written_when_the_process_ends(database):
    async with office(database) as here:
        id = await here.make()
        for done in range(1, 40):
            await here.jobs.update(id, Change(done=done))
    async with office(database, b"p2") as again:
        assert (await again.jobs.get(id)).job.done == 39


@pytest.mark.gen_test(timeout=20)
async def test_a_job_survives_a_restart_and_what_has_ended_stays(database):
    async with office(database) as here:
        ids = [await here.make() for _ in range(3)]
        await here.jobs.update(ids[0], Change(done=30, note="n", seq=4))
        await here.written(ids[0], done=30)
        await here.jobs.update(ids[1], Change(state="done", result=[1]))
        await here.jobs.update(ids[2], Change(state="cancelled"))
        keys = [(await here.jobs.made(id)).key for id in ids]
    async with office(database, b"p2") as again:
        assert [(await again.jobs.made(id)).key for id in ids] == keys
        assert [shown.job.id for shown in await again.jobs.of_user(ANNA["id"])] == ids[::-1]
        assert [document["_id"] async for document in database.jobs.find({"running": True})] == ids[:1]
        assert (await again.jobs.update(ids[0], Change(done=20, note="old", seq=4))).job.note == "n"
        shown = await again.jobs.update(ids[0], Change(done=20, seq=5))
        assert (shown.job.done, shown.job.note) == (30, "n")
        assert (await again.jobs.update(ids[1], Change(state="done", result=[1]))).job.result == [1]
        with pytest.raises(ProtocolError, match="job-ended"):
            await again.jobs.update(ids[1], Change(note="late"))
        assert (await again.jobs.update(ids[2], Change(done=9))).job.state == "cancelled"
        for id in ids[1:]:
            check_history(await again.states(id))


@pytest.mark.gen_test(timeout=20)
async def test_each_user_has_a_list_of_his_own(database):
    async with office(database) as here:
        mine = [await here.make() for _ in range(3)]
        his = await here.make(user=BEN)
        assert [shown.job.id for shown in await here.jobs.of_user(ANNA["id"])] == mine[::-1]
        assert [shown.job.id for shown in await here.jobs.of_user(BEN["id"])] == [his]
        assert await here.jobs.of_user("u_nobody") == []


@pytest.mark.gen_test(timeout=20)
async def test_what_a_task_counts_is_shown(database):
    async with office(database) as here:
        id = await here.make(NewJob("Task"))
        for count in (1, 2, 3):
            await here.jobs.update(id, TaskChange(done=count, items=count))
        await here.written(id, items=3, percent=None, eta=None)


@pytest.mark.gen_test(timeout=20)
async def test_jobs_that_are_let_go_are_found_again(database, monkeypatch):
    monkeypatch.setattr(jobs_module, "MAX_KNOWN", 3)
    async with office(database) as here:
        ids = [await here.make() for _ in range(8)]
        for done in (10, 20, 30):
            for id in ids:
                await here.jobs.update(id, Change(done=done))
            for id in ids:
                await here.written(id, done=done)
            await here.make()
            assert len(here.jobs._known) <= 4


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_silent_job_is_stalled_and_comes_back_with_the_next_update(database):
    async with office(database, stalled_s=0.5) as here:
        silent, alive, ended = [await here.make() for _ in range(3)]
        await here.jobs.update(silent, Change(done=40))
        await here.jobs.update(ended, Change(state="done"))

        async def live() -> None:
            while True:
                await here.jobs.update(alive, Change())
                await asyncio.sleep(0.05)

        living = asyncio.ensure_future(live())
        stalled = await here.written(silent, state="stalled")
        assert (stalled["data"]["done"], stalled["data"]["rate"], stalled["data"]["eta"]) == (40, None, None)
        assert (await here.jobs.get(silent)).job.state == "stalled"
        await asyncio.sleep(1)  # several times what makes one stall
        assert [state["data"]["state"] for state in await here.states(silent)][-2:] == ["running", "stalled"]
        assert {state["data"]["state"] for state in await here.states(alive)} == {"running"}
        assert (await here.states(ended))[-1]["data"]["state"] == "done"
        living.cancel()
        assert (await here.jobs.update(silent, Change())).job.state == "running"
        await here.written(silent, state="running", done=40)
        await here.written(silent, state="stalled")
        assert (await here.jobs.update(silent, Change(state="done"))).job.state == "done"
        check_history(await here.states(silent))
