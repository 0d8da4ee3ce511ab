"""Whatever ended a loop, its job ends as it did, though a `for` doesn't tell its iterator."""

import asyncio
import contextlib
import sys

import pytest
from anywire_progress import Progress

from tests.progress.loops import CASES, boom
from tests.progress.scripts import ended


@pytest.mark.parametrize("name", CASES)
def test_a_loop_that_is_left(name, server):
    leave, expected = CASES[name]
    jobs = []

    def track(*arguments, **options):
        jobs.append(Progress(*arguments, title=name, url=server.url, **options))
        return jobs[-1]

    before = sys.gettrace()
    with contextlib.suppress(ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError):
        leave(track)
    states = [ended(server.url, job) for job in jobs]
    assert [(state["state"], state["note"]) for state in states] == list(expected)
    assert sys.gettrace() is before


def test_a_comprehension_that_is_left(server):
    """Up to Python 3.11 it is a function of its own, whose loop goes only after the exception has."""
    progress = Progress(range(9), title="comprehension", url=server.url)
    with contextlib.suppress(ValueError):
        [boom() for _ in progress]
    assert ended(server.url, progress)["state"] == "failed"


def test_under_a_debugger_a_loop_that_is_left_is_done_and_the_debugger_stays(server):
    def debugger(frame, event, argument):
        return debugger

    progress = Progress(range(9), title="debugged", url=server.url)
    before = sys.gettrace()
    sys.settrace(debugger)
    try:
        with contextlib.suppress(ValueError):
            for _ in progress:
                boom()
        kept = sys.gettrace()
    finally:
        sys.settrace(before)
    assert kept is debugger and ended(server.url, progress)["state"] == "done"
