"""A process that has no connection left to give says so, and what is open goes on."""

import secrets
import sys
from collections.abc import Callable, Iterator

import pytest

from handlers.room import RESERVED
from tests.certificate import make_certificate
from tests.handlers.four_wires import Refused, SseWire
from tests.handlers.talking import Closed, Link, ask, connect, database_uri, eventually, read_answer, request
from tests.handlers.test_metrics import figures
from tests.running import Server

REFUSED = "anywire_connections_refused_total"
FEW = 200
"""Descriptors: the hard limit."""


@pytest.fixture
def with_few(server, monkeypatch, tmp_path) -> Iterator[Callable[..., Server]]:
    """Starts servers with few descriptors, half of them by the soft limit; their MongoDB is that of `server`, which has enough."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nulimit -S -n {FEW // 2} && ulimit -H -n {FEW} && exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    started: list[Server] = []

    def start(**settings: object) -> Server:
        started.append(Server(mongodb_uri=database_uri(server, secrets.token_hex(4)), **settings))
        with monkeypatch.context() as patched:
            patched.setattr(sys, "executable", str(python))
            return started[-1].start()

    yield start
    for running in started:
        running.close()
        assert running.tracebacks() == []


def publish(link: Link, channel: str, data: object) -> dict:
    """On a connection that is open already."""
    link.send(request("POST", "/v1/publish", data={"channel": channel, "data": data}))
    answer = read_answer(link)
    assert answer.status == 200, answer.body
    return answer.json


def test_descriptors_do_not_run_out(with_few, channel, opened, kind):
    server: Server = with_few()
    shown = figures(server)
    assert shown["process_max_fds"] == FEW and shown["anywire_connections_limit"] == FEW - RESERVED
    assert any("ulimit -n" in line for line in server.output)
    publisher = connect(server)
    publish(publisher, channel, 0)
    wires = []
    with pytest.raises(Refused) as refused:
        while len(wires) < FEW:
            wires.append(opened(SseWire, server, channel))
            wires[-1].subscribed()
    assert refused.value.answer.refusal()[:2] == (503, "unavailable") and 1 <= int(refused.value.answer.header("retry-after")) <= 5
    assert FEW - RESERVED - 40 < len(wires) < FEW - RESERVED  # the rest is MongoDB's, and what every process has
    with pytest.raises(Refused) as refused:
        opened(kind, server, channel).event()
    assert refused.value.answer.refusal()[:2] == (503, "unavailable")
    idle = [connect(server) for _ in range(FEW)]  # who says nothing, and more than may wait to be told
    publish(publisher, channel, "still there")
    assert [wire.kind("message")["data"] for wire in (wires[0], wires[-1])] == ["still there"] * 2
    for link in idle:
        with pytest.raises(Closed):
            link.fill()
        link.close()
    for wire in wires[:5]:
        wire.close()
    eventually(lambda: ask(server, "GET", "/readyz").status == 200)
    assert opened(kind, server, channel).event()["type"] == "hello"
    assert figures(server)[REFUSED] > FEW


def test_a_process_has_so_many_connections(beside, channel, opened, kind):
    server = beside(connections=3, hold_s=5)
    wires = [opened(SseWire, server, channel) for _ in range(3)]
    for wire in wires:
        wire.subscribed()
    before = figures(server)[REFUSED]
    with pytest.raises(Refused) as refused:
        opened(kind, server, channel).event()
    assert refused.value.answer.refusal()[:2] == (503, "unavailable")
    shown = figures(server)  # which is no wire
    assert shown[REFUSED] == before + 1 and shown["anywire_connections_limit"] == 3
    wires[0].close()
    eventually(lambda: figures(server)['anywire_connections{transport="sse"}'] == 2)
    assert opened(kind, server, channel).event()["type"] == "hello"


def test_by_tls_one_too_many_is_cut_off(with_few, channel, opened, tmp_path):
    certificate, key = make_certificate(tmp_path)
    server = with_few(tls_cert=certificate, tls_key=key)
    assert figures(server)["anywire_connections_limit"] == FEW - RESERVED
    idle = [Link(server.port) for _ in range(FEW - RESERVED)]
    with pytest.raises((Closed, OSError)):
        opened(SseWire, server, channel).event()
    for link in idle:
        link.close()

    def is_greeted() -> bool:
        try:
            return opened(SseWire, server, channel).event()["type"] == "hello"
        except (Closed, OSError):  # it hasn't noticed yet
            return False

    eventually(is_greeted)
