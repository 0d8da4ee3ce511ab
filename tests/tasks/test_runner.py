"""How a task ends, and what is shown of it: items, a result or a precise error, whatever happened."""

import asyncio
import secrets
import subprocess
import sys
import threading
import time

import pytest

import store.records
import tasks.runner
from protocol.codes import ProtocolError
from protocol.positions import Next
from protocol.progress import MAX_RESULT_BYTES, Change
from tasks.output import MAX_ITEM_BYTES
from tasks.registry import TaskError
from tests.running import ROOT
from tests.store.processes import ANNA, BEN
from tests.store.voting import Page
from tests.tasks.workshop import workshop


@pytest.fixture
def driver() -> str:
    """One of the two; takeovers are tested with the other."""
    return "motor"


@pytest.mark.gen_test(timeout=20)
async def test_a_task_is_an_async_generator(database, register):
    async def count(run):
        run.total = int(run.input["to"])
        for number in range(run.skip, run.total):
            yield {"ok": number != 3, "number": number}
        run.result = {"counted": run.total, "failed": run.failed}

    async with workshop(database) as shop:
        id = await shop.begin(register(count), to=700)
        job = await shop.ended(id)
        assert (job.state, job.done, job.total, job.items, job.percent) == ("done", 700, 700, 700, 100.0)
        assert job.result == {"counted": 700, "failed": 1}
        items = await shop.brought(id)
        assert [item["number"] for item in items] == list(range(700))
        assert items[3] == {"type": "item", "index": 3, "ok": False, "number": 3}
        assert [item["ok"] for item in items].count(False) == 1
        await shop.idle()
        assert set(await shop.lease(id)) == {"_id", "claims"}


@pytest.mark.gen_test(timeout=20)
async def test_a_task_has_a_time_out(database, register):
    left = []

    async def endless(run):
        try:
            for number in range(3):
                yield {"number": number}
            await asyncio.sleep(60)
        finally:
            left.append(run.job)

    async with workshop(database) as shop:
        id = await shop.begin(register(endless, timeout_s=0.4))
        job = await shop.ended(id, within_s=3)
        assert (job.state, job.result["error"]["code"], job.items) == ("failed", "timed-out", 3)
        assert job.note == job.result["error"]["message"]
        assert len(await shop.brought(id)) == 3 and left == [id]


@pytest.mark.gen_test(timeout=20)
@pytest.mark.parametrize(
    ("error", "code"),
    [(RuntimeError("a secret"), "internal"), (TaskError("no-room", "There is no room."), "no-room"), (OSError(5), "internal")],
)
async def test_what_came_before_a_fault_is_shown(database, register, caplog, error, code):
    async def faulty(run):
        for number in range(120):
            yield {"number": number}
        raise error

    async with workshop(database) as shop:
        id = await shop.begin(register(faulty))
        job = await shop.ended(id)
        assert (job.state, job.result["error"]["code"], job.done, job.items) == ("failed", code, 120, 120)
        assert len(await shop.brought(id)) == 120
        assert "secret" not in str(job)
        assert ("broke down" in caplog.text) == (code == "internal")
        with pytest.raises(ProtocolError):
            await shop.jobs.update(id, Change(state="done"))


@pytest.mark.gen_test(timeout=20)
async def test_what_is_too_large_or_no_json(database, register, caplog):
    async def too_much(run):
        yield {"number": 1}
        if "item" in run.input:
            yield {"text": "x" * run.input["item"]}
        run.result = object() if run.input.get("is_odd") else "x" * run.input.get("result", 0)

    register(too_much)
    async with workshop(database) as shop:
        for given, code in (
            ({"result": MAX_RESULT_BYTES - 2}, None),
            ({"result": MAX_RESULT_BYTES - 1}, "too-large"),
            ({"item": MAX_ITEM_BYTES - 60}, None),
            ({"item": MAX_ITEM_BYTES}, "too-large"),
            ({"is_odd": True}, "internal"),
        ):
            id = await shop.begin("too_much", **given)
            job = await shop.ended(id)
            assert job.state == ("done" if code is None else "failed"), given
            assert code is None or job.result["error"]["code"] == code
            assert len(await shop.brought(id)) == job.items >= 1


@pytest.mark.gen_test(timeout=20)
async def test_an_item_of_a_slow_task_is_shown_at_once(database, register):
    yielded = []

    async def slow(run):
        for number, wait_s in enumerate((0, 0.3, 0.05, 0.05, 0.3, 0.21, 0.19, 0.25, 0.02)):
            await asyncio.sleep(wait_s)
            yielded.append(time.monotonic())
            yield {"number": number}
        await asyncio.sleep(0.6)

    class Watch(Page):
        shown: dict[int, float] = {}

        def push(self, subscription, messages):
            taken = super().push(subscription, messages)
            for count in range(self.states[-1]["items"] or 0):
                self.shown.setdefault(count, time.monotonic())
            return taken

    async with workshop(database) as shop:
        made = await shop.make(register(slow))
        watch = Watch(shop.office.process)
        await watch.follow(f"job:{made.id}", Next())
        shop.runner.run(made)
        await shop.ended(made.id)
        delays = [watch.shown[number] - at_s for number, at_s in enumerate(yielded)]
        assert len(delays) == 9 and max(delays) < 0.5, delays


@pytest.mark.gen_test(timeout=20)
async def test_blocking_work_in_a_thread_leaves_the_loop_free(database, register):
    async def blocking(run):
        yield {"slept": await run.in_thread(time.sleep, 0.5)}

    async with workshop(database) as shop:
        id = await shop.begin(register(blocking))
        longest, before_s = 0.0, time.monotonic()
        while not (await shop.jobs.get(id)).job.is_final:
            await asyncio.sleep(0.005)
            longest, before_s = max(longest, time.monotonic() - before_s), time.monotonic()
        assert longest < 0.4


@pytest.mark.gen_test(timeout=20)
async def test_threads_are_used_again_and_tell_their_faults(database, register):
    async def threads(run):
        before = threading.active_count()
        for _ in range(20):
            await run.in_thread(int, "1")
        more = threading.active_count() - before
        several = await asyncio.gather(*(run.in_thread(time.sleep, 0.3) for _ in range(10)), return_exceptions=True)
        yield {"more": more, "several": several}
        await run.in_thread(int, "no number")

    async with workshop(database) as shop:
        began_s = time.monotonic()
        id = await shop.begin(register(threads))
        assert (await shop.ended(id)).result["error"]["code"] == "internal"
        item = (await shop.brought(id))[0]
        assert item["more"] <= 1 and item["several"] == [None] * 10 and time.monotonic() - began_s < 2


def test_a_thread_that_is_stuck_holds_up_no_stop():
    script = """if True:
        import asyncio, time
        from tasks.threads import Threads
        async def main():
            stuck = asyncio.ensure_future(Threads(1).run(time.sleep, 60))
            await asyncio.sleep(0.1)
            stuck.cancel()
        asyncio.run(main())
    """
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=10, check=True)


@pytest.mark.gen_test(timeout=20)
async def test_a_report_has_a_time_out_of_its_own(database, monkeypatch):
    async with workshop(database) as shop:
        await shop.records.insert("j", ANNA["id"], [(number, {"x": number}) for number in range(5000)])
        monkeypatch.setattr(store.records, "REPORT_S", 0.001)
        job = await shop.ended(await shop.begin("report", by="x"))
        assert (job.state, job.result["error"]["code"]) == ("failed", "timed-out")


@pytest.mark.gen_test(timeout=20)
async def test_a_visitor_and_a_server_have_only_so_many_tasks(database, register, monkeypatch):
    go_on = asyncio.Event()

    async def patient(run):
        await go_on.wait()
        yield {"number": 0}

    monkeypatch.setattr(tasks.runner, "MAX_RUNNING", 6)
    async with workshop(database) as shop:
        register(patient)
        runner = shop.runner

        async def start(user):
            with runner.room(user["id"], secrets.token_hex(4)):
                return await shop.begin("patient", user=user)

        found = await asyncio.gather(*(start(ANNA) for _ in range(10)), return_exceptions=True)
        assert [isinstance(one, str) for one in found] == [True] * 4 + [False] * 6
        assert {error.code for error in found[4:]} == {"too-many-tasks"} and found[-1].retry_after_s
        more = await asyncio.gather(*(start(BEN) for _ in range(3)), return_exceptions=True)
        assert [isinstance(one, str) for one in more] == [True, True, False]
        go_on.set()
        for id in [*found[:4], *more[:2]]:
            assert (await shop.ended(id)).state == "done"
        await shop.idle()
        assert not runner._of_user and not runner._coming
        assert (await shop.ended(await start(ANNA))).state == "done"


@pytest.mark.gen_test(timeout=20)
async def test_a_task_that_this_server_lacks(database):
    async with workshop(database) as shop:
        job = await shop.ended(await shop.begin("never-heard-of"))
        assert (job.state, job.result["error"]["code"]) == ("failed", "not-found")
