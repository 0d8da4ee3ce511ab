"""Every metric moves when that happens which it counts, and stands in the table of docs/operating.md."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handlers.metrics import Metrics
from tests.handlers.four_wires import LongPollWire, SseWire, WebSocketWire
from tests.handlers.runs import Stream
from tests.handlers.talking import Visitor, ask, connect, eventually, request
from tests.running import Server

ROOT = Path(__file__).resolve().parents[2]


def figures(server: Server) -> dict[str, float]:
    """All that `/metrics` says, by name with labels."""
    lines = ask(server, "GET", "/metrics").body.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def rises(server: Server, name: str, act: Callable[[], object], by: float = 1) -> None:
    """*name* is higher by at least *by* once *act* was done."""
    before = figures(server)[name]
    act()
    eventually(lambda: figures(server)[name] >= before + by)


@pytest.fixture(scope="module")
def pair(beside) -> Iterator[tuple[Server, Server]]:
    """Two servers of one database."""
    first = beside(hold_s=5)
    second = Server(mongodb_uri=first.settings["mongodb_uri"]).start()
    yield first, second
    second.close()
    assert second.tracebacks() == []


def test_the_table_has_every_metric():
    document = (ROOT / "docs/operating.md").read_text()
    listed = set(re.findall(r"^\| `(anywire_\w+)`", document, re.MULTILINE))
    kept = Metrics().registry.collect()
    named = {family.name + ("_total" if family.type == "counter" else "") for family in kept if family.name.startswith("anywire_")}
    assert len(named) > 15 and listed == named


def test_names_are_as_prometheus_wants_them(pair):
    text = ask(pair[0], "GET", "/metrics").body.decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    for name, kind in types.items():
        if name.endswith("_created"):
            continue
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|kb|millis|minutes)$", name)
        if kind == "histogram":
            assert name.endswith("_seconds"), name


def test_publishes_commits_and_deliveries(pair, channel, opened):
    here, there = pair
    visitor = Visitor(here)
    wire = opened(WebSocketWire, here, channel)
    wire.subscribed()
    far = opened(SseWire, there, channel)
    far.subscribed()
    names = ("anywire_publish_seconds_count", "anywire_log_commit_seconds_count", "anywire_log_messages_total", "anywire_deliveries_total")
    before, before_there = figures(here), figures(there)
    visitor.publish(channel, 1)
    visitor.publish(channel, 2)
    far.take(2, "message")
    after, after_there = figures(here), figures(there)
    assert {name: after[name] - before[name] for name in names} == dict.fromkeys(names, 2)
    assert after["anywire_bus_lag_seconds_count"] == before["anywire_bus_lag_seconds_count"]  # its own don't come by the bus
    assert after_there["anywire_bus_lag_seconds_count"] - before_there["anywire_bus_lag_seconds_count"] == 2
    assert after_there["anywire_bus_lag_seconds_sum"] < before_there["anywire_bus_lag_seconds_sum"] + 2
    assert after_there["anywire_log_messages_total"] == before_there["anywire_log_messages_total"]


def test_connections_hellos_and_subscriptions(pair, channel, opened):
    here, _ = pair
    eventually(lambda: figures(here)["anywire_subscriptions"] == 0)
    before = figures(here)
    for kind in (WebSocketWire, SseWire, LongPollWire):
        opened(kind, here, channel).subscribed()
    label = '{transport="sse"}'
    eventually(lambda: figures(here)["anywire_subscriptions"] == 3)
    after = figures(here)
    assert after[f"anywire_connections{label}"] == before[f"anywire_connections{label}"] + 1
    assert after[f"anywire_hellos_total{label}"] == before[f"anywire_hellos_total{label}"] + 1
    assert after["anywire_subscriptions_behind"] == 0


def test_a_stream_of_a_task_is_a_connection_too(pair):
    here, _ = pair
    rows = b"name\n" + b"".join(b"row %d\n" % number for number in range(30_000))
    stream = Stream(Visitor(here), "/v1/run/import?stream=true", {"Content-Type": "text/csv"}, rows)
    stream.until("job")
    assert figures(here)["anywire_connections_limit"] > 0
    assert ask(here, "POST", "/v1/disconnect", data={"channel": "chat:nobody"}).json == {"closed": 0}
    stream.close()


def test_who_does_not_read_is_behind(pair, channel):
    here, _ = pair
    visitor = Visitor(here)
    link = connect(here, receive_bytes=4096)
    link.send(request("GET", f"/v1/sse?sub={channel}"))
    link.until(b'"subscribed"')
    for _ in range(20):
        visitor.publish_all(channel, ["x" * 50_000] * 10)
    eventually(lambda: figures(here)["anywire_subscriptions_behind"] == 1)
    link.close()
    eventually(lambda: figures(here)["anywire_subscriptions_behind"] == 0)


def test_refusals_and_verdicts(pair):
    here, _ = pair
    rises(here, 'anywire_refused_total{code="not-found"}', lambda: ask(here, "GET", "/v1/nothing"))
    report = {"transport": "sse", "attempts": [{"transport": "websocket", "verdict": "swallowed"}, {"transport": "sse", "verdict": "ok"}]}
    name = 'anywire_verdicts_total{transport="websocket",verdict="swallowed"}'
    assert Visitor(here).ask("POST", "/v1/report", data=report).status == 204
    assert figures(here)[name] == 1 and figures(here)['anywire_verdicts_total{transport="sse",verdict="chosen"}'] == 1


def test_while_mongodb_stands_still(start_server, channel):
    server = start_server(mongo_driver="pymongo")
    visitor = Visitor(server)
    visitor.publish(channel, 1)
    assert figures(server)["anywire_mongodb_up"] == 1
    os.kill(server.mongod_pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as pool:
            waits = pool.submit(visitor.ask, "POST", "/v1/publish", data={"channel": channel, "data": 2, "id": "waits"})
            shown = eventually(lambda: (found := figures(server))["anywire_publishes_waiting"] == 1 and found)
            assert shown["anywire_mongodb_up"] == 0
            assert waits.result().status == 503
        eventually(lambda: figures(server)["anywire_log_commit_failures_total"] >= 1)
    finally:
        os.kill(server.mongod_pid, signal.SIGCONT)
    eventually(lambda: figures(server)["anywire_mongodb_up"] == 1)
    eventually(lambda: figures(server)["anywire_publishes_waiting"] == 0)


def test_a_loop_that_stands_still_is_late(start_server):
    server = start_server()
    assert figures(server)["anywire_loop_lag_seconds"] < 0.2
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    server.process.send_signal(signal.SIGCONT)
    eventually(lambda: figures(server)["anywire_loop_lag_seconds"] > 0.2)
