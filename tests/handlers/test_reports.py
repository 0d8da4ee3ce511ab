"""What clients report of their negotiation: checked, bounded, counted once (protocol, sections 2 and 7)."""

import itertools
import json

import pytest

from handlers.limits import REPORTS_A_NETWORK, Reports
from tests.handlers.talking import Visitor, ask

ATTEMPT = {
    "transport": "websocket",
    "verdict": "websocket.swallowed",
    "startedMs": 0,
    "helloMs": 12,
    "endedMs": 1004.5,
    "phases": {"open": 3, "hello": 12},
    "cutMs": 30000,
    "delayMs": 2000,
}
REPORT = {"transport": "sse", "network": "n_4cGAjIGBIe0X", "attempts": [ATTEMPT, {"transport": "sse", "verdict": "ok", "startedMs": 250}]}


@pytest.fixture(scope="module")
def reported(beside):
    return beside()


@pytest.fixture(scope="module")
def networks():
    """One after the other, of which no other test has heard."""
    return (f"198.51.{number}" for number in itertools.count(1))


@pytest.fixture
def network(networks) -> str:
    return next(networks)


def figures(server) -> dict:
    """Of today."""
    return ask(server, "GET", "/stats?format=json").json["periods"][0]


def send(server, address: str, *reports: object) -> None:
    visitor = Visitor(server, {"X-Forwarded-For": address})
    for report in reports:
        answer = visitor.ask("POST", "/v1/report", data=report)
        assert (answer.status, answer.body) == (204, b"")


def counted(server, address: str, *reports: object) -> dict[str, dict[str, int]]:
    """How the verdicts have grown by these *reports* of one visitor at *address*."""
    before = figures(server)
    send(server, address, *reports)
    after = figures(server)
    grown = {
        transport: {code: count - before["verdicts"].get(transport, {}).get(code, 0) for code, count in counts.items()}
        for transport, counts in after["verdicts"].items()
    }
    found = {transport: {code: count for code, count in counts.items() if count} for transport, counts in grown.items()}
    return {"reports": after["reports"] - before["reports"], **{transport: counts for transport, counts in found.items() if counts}}


def test_a_report_counts_by_transport_and_verdict(reported, network):
    assert counted(reported, f"{network}.1", REPORT) == {"reports": 1, "websocket": {"swallowed": 1}, "sse": {"ok": 1}}


def test_held_requests_that_serve_although_they_are_cut_count_as_cut(reported, network):
    attempt = {"transport": "long-poll", "verdict": "ok", "startedMs": 0, "cutMs": 1510}
    assert counted(reported, f"{network}.1", {"attempts": [attempt]}) == {"reports": 1, "long-poll": {"cut": 1}}


def test_what_nobody_knows_is_another(reported, network):
    odd = [
        {"transport": "pigeon", "verdict": "pigeon.tired"},
        {"transport": "sse", "verdict": "sse.$where"},
        {"transport": "a.b", "verdict": "ok"},
        {"transport": "sse", "verdict": ""},
        {"transport": "long-poll", "verdict": "long-poll." + "x" * 9000},
    ]
    expected = {"reports": 1, "other": {"other": 1}, "sse": {"other": 1}, "long-poll": {"other": 1}}
    assert counted(reported, f"{network}.1", {"transport": "pigeon", "attempts": odd}) == expected


def test_fifty_attempts_are_looked_at_and_a_repeated_one_is_one(reported, network):
    flapping = {"transport": "websocket", "verdict": "websocket.flapping"}
    late = {"transport": "sse", "verdict": "sse.delayed"}
    report = {"attempts": [flapping] * 49 + [late, {"transport": "sse", "verdict": "sse.buffered"}]}
    assert counted(reported, f"{network}.1", report) == {"reports": 1, "websocket": {"flapping": 1}, "sse": {"delayed": 1}}


def test_one_of_a_user_counts_in_a_minute(reported, network):
    assert counted(reported, f"{network}.1", *[REPORT] * 5)["reports"] == 1


def test_a_network_has_a_bound_however_many_users_it_makes(reported, network):
    before = figures(reported)["reports"]
    for number in range(REPORTS_A_NETWORK + 5):
        send(reported, f"{network}.{number}", REPORT)
    assert REPORTS_A_NETWORK <= figures(reported)["reports"] - before <= REPORTS_A_NETWORK + 2  # one more a second that passes
    assert counted(reported, f"203.0.{network.rpartition('.')[2]}.1", REPORT)["reports"] == 1  # others are none the worse


def test_a_minute_later_the_next_one_counts():
    now = [0.0]
    reports = Reports(lambda: now[0])
    assert [reports.count("u", "n") for _ in range(3)] == [True, False, False]
    now[0] = 59.0
    assert not reports.count("u", "n")
    now[0] = 60.0
    assert reports.count("u", "n") and reports.count("v", "n")
    assert sum(reports.count(str(user), "n") for user in range(1000)) == REPORTS_A_NETWORK - 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"attempts": 1}, "attempts"),
        ({"attempts": [{"transport": "sse"}]}, "attempts[0].verdict"),
        ({"attempts": [{**ATTEMPT, "verdict": 7}]}, "attempts[0].verdict"),
        ({"attempts": [{**ATTEMPT, "startedMs": "0"}]}, "attempts[0].startedMs"),
        ({"attempts": [{**ATTEMPT, "cutMs": [1]}]}, "attempts[0].cutMs"),
        ({"attempts": [{**ATTEMPT, "phases": [1]}]}, "attempts[0].phases"),
        ({"network": 4}, "network"),
        ({"transport": {}}, "transport"),
    ],
)
def test_what_is_wrong_is_named_and_counts_nothing(reported, network, wrong, field):
    before = figures(reported)
    visitor = Visitor(reported, {"X-Forwarded-For": f"{network}.1"})
    assert visitor.ask("POST", "/v1/report", data={**REPORT, **wrong}).refusal() == (400, "bad-request", field)
    assert figures(reported) == {**before, "connections": figures(reported)["connections"]}
    assert counted(reported, f"{network}.1", REPORT)["reports"] == 1  # a refused one used nothing up


def test_a_body_has_a_bound(reported, network):
    visitor = Visitor(reported, {"X-Forwarded-For": f"{network}.1"})
    much = {**REPORT, "attempts": [ATTEMPT] * (33_000 // len(json.dumps(ATTEMPT)))}
    assert visitor.ask("POST", "/v1/report", data=much).refusal()[:2] == (413, "too-large")


def test_a_flood_is_refused_as_any_other(beside):
    visitor = Visitor(beside(publish_per_s=1))
    answers = [visitor.ask("POST", "/v1/report", data=REPORT) for _ in range(15)]
    assert answers[9].status == 204 and answers[-1].refusal()[:2] == (429, "rate-limited")


def test_the_metric_counts_what_the_days_count(reported, network):
    def metric() -> float:
        lines = ask(reported, "GET", "/metrics").body.decode().splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith('anywire_verdicts_total{transport="sse",verdict="one-behind"')
        )

    before = metric()
    one_behind = {"attempts": [{"transport": "sse", "verdict": "sse.one-behind"}] * 2}
    assert counted(reported, f"{network}.1", one_behind, one_behind) == {"reports": 1, "sse": {"one-behind": 1}}
    assert metric() == before + 1
