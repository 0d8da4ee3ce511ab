"""How clients are connected, for the operator (protocol, section 6): counted by the server, kept in MongoDB."""

import os
import signal
import time

import pytest
from pymongo import MongoClient

from handlers.stats import bar, percent, period
from negotiation.transports import TRANSPORTS
from tests.handlers.four_wires import WebSocketWire
from tests.handlers.talking import BACKEND, Visitor, ask, eventually
from tests.handlers.test_reports import REPORT

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
DRIVER_S = 5.0
"""After which the driver itself gives up waiting for an answer, and tries once more."""
NONE = dict.fromkeys(TRANSPORTS, 0)


@pytest.fixture
def stats(beside):
    """A server that has counted nothing yet."""
    return beside(hold_s=1)


def figures(server) -> dict:
    return ask(server, "GET", "/stats?format=json").json


def today(server) -> dict:
    return figures(server)["periods"][0]


def test_it_is_for_the_operator(server):
    assert ask(server, "GET", "/stats", HTML).status == 200
    assert ask(server, "GET", "/stats", {**HTML, **BACKEND, "X-Forwarded-For": "192.0.2.1"}).status == 200
    for name in ("X-Forwarded-For", "Forwarded", "Via"):
        answer = ask(server, "GET", "/stats", {**HTML, name: "127.0.0.1"})
        assert answer.status == 403 and b"<h1>Not allowed</h1>" in answer.body
        assert b"How visitors are connected" not in answer.body
        assert ask(server, "GET", "/stats?format=json", {name: "127.0.0.1"}).refusal()[:2] == (403, "forbidden")
    assert ask(server, "GET", "/stats", {"Authorization": "Bearer wrong"}).refusal()[:2] == (401, "unauthorized")
    assert ask(server, "POST", "/stats", data={}).refusal()[:2] == (405, "method-not-allowed")


def test_no_page_of_visitors_leads_there(server):
    for path in ("/", "/chat/lobby", "/progress", "/vote", "/nowhere"):
        assert b"stats" not in ask(server, "GET", path, HTML).body


def test_the_operator_is_no_visitor_and_is_given_no_cookie(server):
    assert "set-cookie" not in ask(server, "GET", "/stats", HTML).headers


def test_json_for_who_wants_it(server):
    page = ask(server, "GET", "/stats", {"Accept": "*/*"})
    assert page.header("content-type") == "text/html; charset=UTF-8" and b"<script" not in page.body
    for headers, target in (({"Accept": "application/json"}, "/stats"), (HTML, "/stats?format=json")):
        answer = ask(server, "GET", target, headers)
        assert answer.header("content-type") == "application/json"
        assert list(answer.json) == ["time", "open", "periods"]
        assert [list(each) for each in answer.json["periods"]] == [["from", "to", "connections", "reports", "verdicts"]] * 2
    assert ask(server, "HEAD", "/stats").status == 200


def test_nothing_counted_yet(stats):
    found = figures(stats)
    assert found["open"] == NONE
    for each in found["periods"]:
        assert (each["connections"], each["reports"], each["verdicts"]) == (NONE, 0, {})
    page = ask(stats, "GET", "/stats", HTML).body.decode()
    assert page.count("Nobody has connected yet.") == page.count("Nothing: no browser has reported") == 2


def test_a_connection_counts_once_by_its_transport(stats, kind, channel, opened):
    visitor = Visitor(stats)
    wire = opened(kind, stats, channel, headers=dict(visitor.headers))
    wire.subscribed()
    wire.follow()
    visitor.ask("POST", "/v1/me", data={"name": "Another"})  # brings a second hello on a stream
    for number in range(3):
        visitor.publish(channel, number)
    assert [message["data"] for message in wire.take(3)] == [0, 1, 2]  # by several polls
    assert today(stats)["connections"] == {**NONE, kind.transport: 1}
    if kind.transport != "short-poll":  # which is open for no time
        wire.follow()
        eventually(lambda: figures(stats)["open"] == {**NONE, kind.transport: 1})


def test_a_refused_connection_counts_nothing(beside, channel):
    stats = beside(transports="sse,long-poll")
    assert ask(stats, "GET", "/v1/short-poll?sub=chat:x").status == 404
    assert ask(stats, "GET", "/v1/long-poll?sub=nonsense").status == 400
    assert today(stats)["connections"] == NONE


def test_the_page_has_the_figures_in_words(stats, opened):
    for _ in range(2):
        opened(WebSocketWire, stats, "chat:x").subscribed()
    opened(WebSocketWire, stats, "chat:x").subscribed()
    Visitor(stats).ask("GET", "/v1/short-poll?sub=chat:x")
    Visitor(stats).ask("POST", "/v1/report", data=REPORT)
    page = " ".join(ask(stats, "GET", "/stats", HTML).body.decode().split())
    assert '<td class="share">75.0% <svg' in page and '<rect width="75.0%"' in page
    assert '<th scope="row">no answer at all</th><td class="number">100.0%</td><td class="number">1</td>' in page
    assert ">works<" not in page  # that is no reason
    chinese = ask(stats, "GET", "/stats?lang=zh", HTML).body.decode()
    assert '<th scope="row">完全没有回应</th><td class="number">100.0%</td><td class="number">1</td>' in chinese


def test_counts_outlive_a_killed_server_once_they_are_written_and_one_that_stops_at_once(start_server):
    server = start_server()
    Visitor(server).ask("GET", "/v1/short-poll?sub=chat:x")
    Visitor(server).ask("POST", "/v1/report", data=REPORT)
    with MongoClient(f"mongodb://{str(server.data / 'mongodb' / 'mongod.sock').replace('/', '%2F')}/?directConnection=true") as client:
        eventually(lambda: client.anywire.counts.find_one({"reports": 1, "connections.short-poll": 1}))  # by itself, nobody looked
    server.kill()
    server.start()
    Visitor(server).ask("POST", "/v1/report", data=REPORT)
    assert server.stop() == 0
    server.start()
    found = today(server)
    assert (found["reports"], found["connections"]["short-poll"], found["verdicts"]["websocket"]) == (2, 1, {"swallowed": 2})


def test_while_the_database_is_away_the_page_says_so_and_nothing_is_lost(start_server):
    server = start_server(bus="memory")
    visitor = Visitor(server)
    os.kill(server.mongod_pid, signal.SIGSTOP)
    try:
        assert visitor.ask("POST", "/v1/report", data=REPORT).status == 204  # it waits for nothing
        asked_s = time.monotonic()
        answer = ask(server, "GET", "/stats", HTML)
        assert answer.status == 503 and b"Not ready just now" in answer.body
        assert time.monotonic() - asked_s < DRIVER_S
    finally:
        os.kill(server.mongod_pid, signal.SIGCONT)
    eventually(lambda: ask(server, "GET", "/stats", HTML).status == 200)
    assert today(server)["reports"] == 1
    assert server.tracebacks() == []


def test_a_period_is_the_sum_of_its_days():
    days = [
        {"_id": "2026-10-29", "reports": 100},
        {"_id": "2026-10-30", "reports": 1, "verdicts": {"sse": {"buffered": 1, "of-another-version": 4}, "pigeon": {"tired": 2}}},
        {"_id": "2026-11-28", "connections": {"sse": 2, "pigeon": 9}, "verdicts": {"sse": {"buffered": 2, "ok": 3, "cut": 5}}},
    ]
    found = period(days, "2026-10-30", "2026-11-28")
    assert found.reports == 1 and found.connections == {**NONE, "sse": 2} and found.total == 2
    assert found.verdicts == {"sse": {"buffered": 3, "other": 4, "ok": 3, "cut": 5}, "other": {"other": 2}}
    assert found.reasons() == {"sse": [("cut", 5), ("other", 4), ("buffered", 3)], "other": [("other", 2)]}
    assert period(days, "2026-11-29", "2026-11-29").reasons() == {}


def test_shares_are_never_rounded_to_nothing_or_to_all():
    assert [percent(count, 100_000) for count in (0, 1, 99, 100, 5_000, 99_900, 99_901, 99_999, 100_000)] == [
        *("0.0%", "<0.1%", "<0.1%", "0.1%", "5.0%", "99.9%", ">99.9%", ">99.9%", "100.0%")
    ]
    assert [bar(count, 1000) for count in (0, 1, 500, 1000)] == ["0%", "1.0%", "50.0%", "100.0%"]
