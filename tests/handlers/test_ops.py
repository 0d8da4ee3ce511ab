"""Alive, ready, counted (protocol, sections 2 and 8)."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.handlers.four_wires import SseWire, WebSocketWire
from tests.handlers.talking import BACKEND, Visitor, ask, eventually, open_connections


def test_alive_and_ready(server):
    for target in ("/healthz", "/readyz"):
        answer = ask(server, "GET", target)
        assert answer.status == 200 and "set-cookie" not in answer.headers and answer.header("cache-control") == "no-store"


def test_metrics_are_for_the_operator(server):
    for headers in ({}, BACKEND, {**BACKEND, "X-Forwarded-For": "192.0.2.1"}):
        answer = ask(server, "GET", "/metrics", headers)
        assert answer.status == 200 and answer.header("content-type").startswith("text/plain")
        assert b"anywire_connections" in answer.body
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Via"):
        assert ask(server, "GET", "/metrics", {name: "127.0.0.1"}).refusal()[:2] == (403, "forbidden")
    assert ask(server, "GET", "/metrics", {"Authorization": "Bearer wrong"}).refusal()[:2] == (401, "unauthorized")


def test_open_wires_are_counted(server, channel, opened, kind):
    if kind.transport == "short-poll":
        return
    before = open_connections(server)[kind.transport]
    wires = [opened(kind, server, channel) for _ in range(3)]
    for wire in wires:
        wire.subscribed()
    eventually(lambda: open_connections(server)[kind.transport] == before + 3)
    for wire in wires:
        wire.close()
    eventually(lambda: open_connections(server)[kind.transport] <= before)


def test_while_the_log_is_away_the_server_says_so_and_comes_back(start_server, channel, opened):
    server = start_server(bus="memory")
    visitor = Visitor(server)
    position = visitor.publish(channel, 1)["position"]
    ahead = position.replace("-1", "-5")
    visitor.ask("GET", f"/v1/short-poll?sub={channel}")
    os.kill(server.mongod_pid, signal.SIGSTOP)
    try:
        assert ask(server, "GET", "/healthz").status == 200
        message = {"channel": channel, "data": 2, "id": "kept-trying"}
        streams = [opened(kind, server, f"{channel}-unseen") for kind in (WebSocketWire, SseWire)]
        with ThreadPoolExecutor() as pool:
            answers = [
                pool.submit(ask, server, "GET", "/readyz"),
                pool.submit(visitor.ask, "GET", f"/v1/short-poll?sub={channel}-unseen"),
                pool.submit(visitor.ask, "GET", f"/v1/short-poll?sub={channel}@{ahead}"),
                pool.submit(visitor.ask, "GET", f"/v1/history?channel={channel}"),
                pool.submit(visitor.ask, "POST", "/v1/publish", data=message),
            ]
        assert [answer.result().refusal()[:2] for answer in answers] == [(503, "unavailable")] * 5
        assert visitor.ask("GET", f"/v1/short-poll?sub={channel}@{position}").status == 200  # memory can tell
        for wire in streams:  # they opened before it was known, and are sent away
            assert [wire.kind("error", "goaway").get("code") for _ in range(2)] == ["unavailable", None]
        assert streams[0].close_code() == 1013
    finally:
        os.kill(server.mongod_pid, signal.SIGCONT)
    eventually(lambda: ask(server, "GET", "/readyz").status == 200)
    visitor.publish(channel, 2, id="kept-trying")
    assert [message["data"] for message in visitor.history(channel)["messages"]] == [1, 2]
    assert server.tracebacks() == []


@pytest.mark.parametrize("target", ["/healthz", "/readyz", "/metrics"])
def test_they_only_answer_get(server, target):
    assert ask(server, "POST", target, data={}).refusal()[:2] == (405, "method-not-allowed")
