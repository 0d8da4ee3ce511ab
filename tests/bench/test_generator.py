"""The load generator counts right, and finds what is lost, doubled or out of order; the floor plants it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from bench import fanout, processes
from bench.compiled import PROGRAMS, compiled
from bench.fanout import Plan
from bench.generator import Generator
from bench.peers import FLOOR, Route
from bench.servers import Running
from tests.bench.conftest import need_compiler

RECEIVERS = 20
MESSAGES = 50
PLANTED = 5
"""The floor's fault is in the fifth of each ten messages, at one receiver."""

Start = Callable[..., Generator]


@pytest.fixture
def start() -> Iterator[Start]:
    """A generator and a floor with the fault that is named, if any."""
    need_compiler()
    with ExitStack() as stack:

        def started(route: Route, *fault: str) -> Generator:
            running = stack.enter_context(Running(replace(FLOOR, command=(*FLOOR.command, *fault))))
            return stack.enter_context(Generator(running.port, route, route.messages[""], patience_s=2.0))

        yield started


WIRES = pytest.mark.parametrize("route", FLOOR.routes, ids=lambda route: route.wire)
STREAMS = pytest.mark.parametrize("route", FLOOR.routes[:2], ids=lambda route: route.wire)


def counted(answer: dict[str, int]) -> tuple[int, int, int, int]:
    return answer["deliveries"], answer["lost"], answer["doubled"], answer["out_of_order"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_compile_without_a_warning(name, tmp_path):
    need_compiler()
    compiled(name, tmp_path / name)
    assert (tmp_path / name).exists()


@WIRES
def test_each_message_is_counted_once(start, route):
    generator = start(route)
    assert generator.open(RECEIVERS)["ready"] == RECEIVERS
    paced = generator.paced(1.0, MESSAGES)
    assert paced["messages"] == MESSAGES
    assert counted(paced) == (MESSAGES * RECEIVERS, 0, 0, 0)
    assert paced["seconds"] > 0.9  # by the clock
    for window in (1, 32):
        closed = generator.closed(0.3, window)
        assert closed["messages"] > window
        assert counted(closed) == (closed["messages"] * RECEIVERS, 0, 0, 0)
    assert generator.open(2 * RECEIVERS)["ready"] == 2 * RECEIVERS
    more = generator.closed(0.2, 1)
    assert counted(more) == (more["messages"] * 2 * RECEIVERS, 0, 0, 0)


@STREAMS
def test_a_lost_message_is_found(start, route):
    generator = start(route, "lose")
    generator.open(RECEIVERS)
    assert counted(generator.paced(1.0, MESSAGES)) == (MESSAGES * RECEIVERS - PLANTED, PLANTED, 0, 0)


@STREAMS
def test_a_doubled_message_is_found(start, route):
    generator = start(route, "double")
    generator.open(RECEIVERS)
    assert counted(generator.paced(1.0, MESSAGES)) == (MESSAGES * RECEIVERS, 0, PLANTED, 0)


@STREAMS
def test_a_message_behind_the_next_one_is_found(start, route):
    generator = start(route, "swap")
    generator.open(RECEIVERS)
    assert counted(generator.paced(1.0, MESSAGES)) == (MESSAGES * RECEIVERS, 0, 0, PLANTED)


@STREAMS
def test_connections_are_made_and_ended_again_and_again(start, route):
    generator = start(route)
    answer = generator.connect(0.3, 8)
    assert answer["left"] > 16
    assert (answer["failed"], answer["dropped"]) == (0, 0)


def test_a_server_that_goes_is_found():
    need_compiler()
    with Running(FLOOR) as running, Generator(running.port, FLOOR.routes[0]) as generator:
        generator.open(RECEIVERS)
        running.close()
        answer = generator.idle(0.2)
    assert (answer["ready"], answer["dropped"]) == (0, RECEIVERS)


def test_a_server_that_refuses_is_found(start):
    answer = start(replace(FLOOR.routes[1], path="/")).open(RECEIVERS)  # answers 101, which is no event stream
    assert (answer["ready"], answer["failed"]) == (0, RECEIVERS)
    assert answer["reason"].startswith("HTTP/1.1 101")


def test_what_has_a_fault_has_no_figure():
    need_compiler()
    plan = Plan(receivers=(10,), closed_s=0.3)
    sound, faulty = (fanout.measure(replace(FLOOR, command=(*FLOOR.command, *fault)), FLOOR.routes[0], plan) for fault in ((), ("lose",)))
    assert sound["10"][""]["closed"]["cpu_us"] > 0
    assert faulty["10"][""]["closed"] == {"error": "1 lost"}


def test_the_cpu_of_children_counts():
    spin = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    parent = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {spin + 'time.sleep(60)'!r}]).wait()"
    process = subprocess.Popen([sys.executable, "-c", parent], text=True)
    try:
        deadline = time.monotonic() + 20
        while processes.cpu_s(processes.tree(process.pid)) < 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(processes.tree(process.pid)) == 2
        assert processes.cpu_s([process.pid]) < 0.3 <= processes.cpu_s(processes.tree(process.pid)) < 2
        assert processes.pss_kb(processes.tree(process.pid)) > processes.pss_kb([process.pid]) > 1000
    finally:
        processes.stop(process)
