"""What a step costs, over the bare loop: the median of runs of a million, while the job is being shown."""

import statistics
import time

import pytest
from anywire_progress import Progress, track

from tests.progress.scripts import ended

MILLION = 1_000_000
RUNS = 5
MOST_NS = 1000


def cost_ns(loop, *arguments, **options) -> float:
    def seconds(run):
        started_s = time.perf_counter()
        run()
        return time.perf_counter() - started_s

    def bare():
        for _ in range(MILLION):
            pass

    bare_s = statistics.median(seconds(bare) for _ in range(RUNS))
    return (statistics.median(seconds(lambda: loop(*arguments, **options)) for _ in range(RUNS)) - bare_s) * 1e9 / MILLION


def in_a_loop(jobs, url):
    jobs.append(track(range(MILLION), title="a million", url=url, exit_s=0))
    for _ in jobs[-1]:
        pass


def by_update(jobs, url):
    with Progress(total=MILLION, title="a million", url=url, exit_s=0) as job:
        jobs.append(job)
        for _ in range(MILLION):
            job.update()


@pytest.mark.parametrize("loop", [in_a_loop, by_update])
def test_a_step_while_the_server_is_there(server, loop):
    jobs = []
    ns = cost_ns(loop, jobs, server.url)
    print(f"{loop.__name__}: {ns:.0f} ns")
    assert ns < MOST_NS
    assert [ended(server.url, job)["done"] for job in jobs] == [MILLION] * RUNS


def test_a_step_while_the_server_is_away(start_server):
    server = start_server()
    server.kill()
    jobs = []
    ns = cost_ns(in_a_loop, jobs, server.url)
    print(f"away: {ns:.0f} ns")
    assert ns < MOST_NS
    server.start()
    assert [ended(server.url, job)["done"] for job in jobs] == [MILLION] * RUNS


def test_a_step_without_a_server():
    ns = cost_ns(in_a_loop, [], "")
    print(f"no server: {ns:.0f} ns")
    assert ns < MOST_NS
