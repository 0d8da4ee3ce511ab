"""Several workers on one port: started, reached, replaced, renewed, stopped."""

import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.cluster.workers import Workers
from tests.handlers.four_wires import WIRES, WebSocketWire, Wire
from tests.handlers.talking import Closed, Visitor, ask
from tests.running import ROOT, Server

T = TypeVar("T")


@pytest.fixture
def started():
    running: list[Workers] = []

    def start(**settings: object) -> Workers:
        running.append(Workers(**{"workers": 2, "heartbeat_s": 1, **settings}))
        return running[-1].start()

    yield start
    for each in running:
        each.close()


def insist(act: Callable[[], T]) -> T:
    """As a client does: what was on its way to a worker that ends is sent again."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return act()
        except (AssertionError, Closed, OSError):
            if time.monotonic() > deadline:
                raise


@pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.transport)
def test_what_one_worker_stores_all_deliver(workers: Workers, channel: str, kind: type[Wire]):
    wires = [workers.reach(pid, kind, f"{channel}@0") for pid in workers.pids()]
    for wire in wires:
        wire.subscribed()
    visitor = Visitor(workers)
    for number in range(20):
        visitor.publish(channel, {"number": number})
    for wire in wires:
        assert [event["data"]["number"] for event in wire.take(20)] == list(range(20))
        wire.close()


def test_a_signal_reaches_all_workers_at_once(workers: Workers, channel: str):
    first, second = (workers.reach(pid, WebSocketWire, channel) for pid in workers.pids())
    for wire in (first, second):
        wire.subscribed()
    since_s = time.monotonic()
    first.command(type="signal", channel=channel, data={"typing": True})
    assert second.kind("signal")["data"] == {"typing": True}
    assert time.monotonic() - since_s < 0.2
    assert first.kind("signal")["data"] == {"typing": True}
    assert first.quiet(0.3) and second.quiet(0.3), "each once"
    first.close()
    second.close()


def test_a_new_name_reaches_all_workers(workers: Workers, channel: str):
    visitor = Visitor(workers)
    visitor.ask("GET", "/v1/negotiate")
    wires = [workers.reach(pid, WebSocketWire, channel, headers=visitor.headers) for pid in workers.pids()]
    for wire in wires:
        wire.subscribed()
    visitor.ask("POST", "/v1/me", data={"name": "Ann Other"})
    for wire in wires:
        assert wire.kind("hello")["user"]["name"] == "Ann Other"
        wire.close()


def test_a_worker_that_dies_is_replaced(started):
    server = started()
    before = server.pids()
    lost, kept = (server.reach(pid, WebSocketWire, "chat:a") for pid in before)
    lost.subscribed(), kept.subscribed()
    server.kill_worker(before[0])
    with pytest.raises(Closed):
        lost.until(lambda event: False)
    insist(lambda: Visitor(server).publish("chat:a", 1))
    assert kept.kind("message")["data"] == 1
    deadline = time.monotonic() + 20
    while len(pids := server.pids()) < 2 or before[0] in pids:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    fresh = next(pid for pid in pids if pid != before[1])
    insist(lambda: server.reach(fresh, WebSocketWire, "chat:a@-1")).kind("message")
    assert any(f"worker {before[0]} ended by itself (SIGKILL)" in line for line in server.output)


def test_all_are_renewed_while_they_serve(started):
    """A rolling restart, under load: nothing is lost, and nobody waits for longer than 2 s."""
    server = started()
    before = server.pids()
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    visitor, numbers, slowest_s = Visitor(server), 0, 0.0
    deadline = time.monotonic() + 30
    while set(server.pids()) & set(before) or len(server.pids()) != 2:
        assert time.monotonic() < deadline
        since_s = time.monotonic()
        insist(functools.partial(visitor.publish, "chat:b", numbers, id=f"{numbers:032x}"))
        slowest_s = max(slowest_s, time.monotonic() - since_s)
        numbers += 1
    wire = WebSocketWire(server, "chat:b@0")
    assert [event["data"] for event in wire.take(numbers)] == list(range(numbers))
    wire.close()
    assert numbers > 20 and slowest_s < 2
    assert server.tracebacks() == []


def test_they_stop_in_good_order_and_leave_nothing(started):
    server = started()
    pids = server.pids()
    wire = WebSocketWire(server, "chat:a")
    wire.subscribed()
    server.process.send_signal(signal.SIGTERM)
    assert wire.kind("goaway")["reconnect"] is True
    wire.close()
    assert server.stop() == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", server.port))


def test_a_supervisor_that_is_killed_leaves_nothing_that_hinders(started):
    server = started()
    pids = server.pids()
    server.kill()
    server.start()
    assert ask(server, "GET", "/healthz").status == 200
    deadline = time.monotonic() + 15
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_port_in_use_is_said_at_once(workers: Workers):
    second = Server(workers=2, port=workers.port)
    with pytest.raises(RuntimeError, match="Can't listen on"):
        second.start()
    second.close()


def test_memory_is_no_bus_for_several():
    command = [sys.executable, str(ROOT / "server.py"), "--workers", "2", "--bus", "memory"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, env={**os.environ, "ANYWIRE_PORT": "0"})
    assert ended.returncode == 1
    assert "ANYWIRE_BUS (--bus): Value error, several workers have to hear of each other" in ended.stderr
