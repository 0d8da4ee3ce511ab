"""What a script says of its work, in every way that it may say it, is what the server shows."""

import asyncio
import threading
import time

import pytest
from anywire_progress import Cancelled, Progress, track

from tests.handlers.talking import eventually
from tests.progress.scripts import cancel, ended, shown


def test_a_loop_ends_with_all_of_it_done(server):
    rows = track(["a", "b", "c"], title="Import", unit="rows", url=server.url)
    assert list(rows) == ["a", "b", "c"]
    state = ended(server.url, rows)
    assert (state["title"], state["unit"], state["total"]) == ("Import", "rows", 3)
    assert (state["state"], state["done"], state["percent"]) == ("done", 3, 100)
    assert rows.link == f"{server.url}/progress?job={rows.id}"


def test_the_total_of_what_has_no_length_is_unknown_or_as_given(server):
    unknown, given = track(iter("abc"), title="unknown", url=server.url), track(iter("abc"), title="given", total=3, url=server.url)
    assert "".join(unknown) == "".join(given) == "abc"
    assert (ended(server.url, unknown)["total"], ended(server.url, given)["total"]) == (None, 3)


def test_a_context_is_shown_as_it_goes_on(server):
    with Progress(title="Upload", total=10, unit="MB", url=server.url) as upload:
        upload.update(4)
        eventually(lambda: upload.id and shown(server.url, upload.id)["done"] == 4)
        upload.set(done=7, note="the second half")
        state = eventually(lambda: (state := shown(server.url, upload.id))["done"] == 7 and state)
        assert (state["state"], state["note"], state["percent"]) == ("running", "the second half", 70)
        upload.update()
        assert upload.done == 8
    assert ended(server.url, upload)["state"] == "done"


def test_an_exception_in_a_context_fails_the_job_with_its_message(server):
    with pytest.raises(OSError, match="no space left"), Progress(title="Upload", url=server.url) as upload:
        raise OSError("no space left")
    state = ended(server.url, upload)
    assert (state["state"], state["note"]) == ("failed", "OSError: no space left")


def test_the_first_end_counts(server):
    job = Progress(title="Upload", url=server.url)
    job.close("the disk is full")
    job.close()
    state = ended(server.url, job)
    assert (state["state"], state["note"]) == ("failed", "the disk is full")


def test_a_callback_says_how_far_it_is(server):
    def copy(progress):
        for done in range(0, 101, 25):
            progress(done, 100)

    with Progress(title="Copy", url=server.url) as job:
        copy(job.on_update)
        assert job.done == 100
    assert ended(server.url, job)["total"] == 100


def test_threads_count_together(server):
    def work():
        for _ in range(1000):
            job.update()

    with Progress(title="Threads", total=8000, url=server.url) as job:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ended(server.url, job)["done"] == 8000


def test_each_thread_may_have_a_loop_of_its_own(server):
    jobs = [Progress(range(100), title=f"Thread {number}", url=server.url) for number in range(5)]
    threads = [threading.Thread(target=list, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ended(server.url, job)["done"] for job in jobs] == [100] * 5


def test_loops_may_be_nested(server):
    inner = []
    outer = track("ab", title="outer", url=server.url)
    for _ in outer:
        inner.append(track("xyz", title="inner", url=server.url))
        for _ in inner[-1]:
            pass
    assert [ended(server.url, job)["done"] for job in (outer, *inner)] == [2, 3, 3]
    assert len({job.id for job in (outer, *inner)}) == 3


def test_asynchronous_work(server):
    async def rows():
        for number in range(10):
            await asyncio.sleep(0)
            yield number

    async def work():
        job = track(rows(), title="async for", total=10, url=server.url)
        assert [row async for row in job] == list(range(10))
        async with Progress(title="async with", total=2, url=server.url) as other:
            await asyncio.gather(*(asyncio.to_thread(other.update) for _ in range(2)))
        return job, other

    assert [ended(server.url, job)["done"] for job in asyncio.run(work())] == [10, 2]


def test_what_the_server_would_not_take_does_not_stop_the_script(server):
    class Odd:
        def __str__(self):
            return "odd \ud800" + "x" * 5000

    with Progress(title=Odd(), total=float("inf"), unit="u" * 100, url=server.url) as job:
        job.set(done=float("nan"), note=Odd())
        job.set(done=-5)
        job.set(done=10**400)
        job.set(done=2.5)
    state = ended(server.url, job)
    assert (state["state"], state["done"], state["total"]) == ("done", 2.5, None)
    assert len(state["note"]) == 2000 and len(state["title"]) == 200


# cancelling


def running(url, job):
    return eventually(lambda: job.id and shown(url, job.id)["state"] == "running")


def test_a_cancel_from_the_page_is_raised_in_the_loop(server):
    job = track(iter(int, 1), title="for ever", url=server.url)
    with pytest.raises(Cancelled):
        for _ in job:
            if job.id and not job.cancelled:
                cancel(server.url, job.id)
                eventually(lambda: job.cancelled)
    assert ended(server.url, job)["state"] == job.state == "cancelled"


@pytest.mark.parametrize("step", [Progress.update, Progress.set])
def test_a_cancel_from_the_page_is_raised_by_a_step(server, step):
    with pytest.raises(Cancelled), Progress(title="for ever", url=server.url) as job:
        running(server.url, job)
        cancel(server.url, job.id)
        while True:
            step(job)
            time.sleep(0.001)
    job.update()  # it is over, and clearing up isn't disturbed
    assert ended(server.url, job)["state"] == "cancelled"


def test_a_cancel_from_the_page_passes_what_catches_every_exception(server):
    job = track(iter(int, 1), title="for ever", url=server.url)
    with pytest.raises(Cancelled):
        try:
            for _ in job:
                if job.id and not job.cancelled:
                    cancel(server.url, job.id)
                time.sleep(0.001)
        except Exception:  # noqa: BLE001 - that is what is tested
            pytest.fail("this is for the exceptions of the work")
    assert ended(server.url, job)["state"] == "cancelled"


def test_a_cancel_from_the_page_is_raised_in_an_asynchronous_loop(server):
    async def rows():
        while True:
            await asyncio.sleep(0.001)
            yield 1

    async def work(job):
        async for _ in job:
            if job.id and not job.cancelled:
                await asyncio.to_thread(cancel, server.url, job.id)

    job = track(rows(), title="for ever", url=server.url)
    with pytest.raises(Cancelled):
        asyncio.run(work(job))
    assert ended(server.url, job)["state"] == "cancelled"


def test_what_is_not_cancellable_is_not_cancelled_by_the_page(server):
    with Progress(title="must end", url=server.url, cancellable=False) as job:
        running(server.url, job)
        with pytest.raises(OSError, match="403"):
            cancel(server.url, job.id)
        job.update()
    assert ended(server.url, job)["state"] == "done"
