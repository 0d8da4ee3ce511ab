"""A job's channel over every wire: the current state first, then what follows, skipping, and always the end."""

import threading
import time

import pytest

from tests.handlers.four_wires import WIRES, WebSocketWire
from tests.handlers.talking import BACKEND, Visitor, ask
from tests.handlers.test_jobs import Worker, make


@pytest.fixture
def worker(visitor) -> Worker:
    return make(visitor, total=1000, unit="rows")


def opens_with(wire) -> dict:
    """The first state, behind its `subscribed`."""
    subscribed = wire.subscribed()
    state = wire.kind("state")
    assert subscribed["recovered"] and subscribed["position"] == state["position"].replace(f"-{state['offset']}", f"-{state['offset'] - 1}")
    return state


def until(wire, **fields) -> list[dict]:
    """The states up to the first with these fields; they never go back."""
    states = [wire.kind("state")]
    while any(states[-1]["data"][name] != value for name, value in fields.items()):
        states.append(wire.kind("state"))
    check(states)
    return states


def check(states: list[dict]) -> None:
    offsets = [state["offset"] for state in states]
    assert offsets == sorted(set(offsets))
    for name in ("done", "percent", "updated"):
        values = [state["data"][name] for state in states]
        assert values == sorted(values), name
    assert [state["data"]["state"] for state in states[:-1]] == ["running"] * (len(states) - 1)


def test_from_the_first_state_to_the_end(server, opened, kind, worker, visitor):
    wire = opened(kind, server, f"job:{worker.id}")
    state = opens_with(wire)
    assert {key: state[key] for key in ("type", "channel", "user")} == {
        "type": "state",
        "channel": f"job:{worker.id}",
        "user": {"id": visitor.id, "name": state["user"]["name"]},
    }
    assert (state["data"]["title"], state["data"]["done"], state["data"]["state"]) == ("Import", 0, "running")
    assert "key" not in state["data"] and isinstance(state["time"], int)
    wire.follow()
    worker.patch(done=100, note="reading")
    until(wire, done=100, note="reading")
    for done in range(101, 301):
        worker.patch(done=done)
    worker.patch(state="done", result={"rows": 300})
    last = until(wire, state="done")[-1]
    assert (last["data"]["done"], last["data"]["percent"], last["data"]["result"], last["data"]["eta"]) == (300, 100, {"rows": 300}, None)
    wire.follow()
    assert wire.quiet(0.3)


def test_who_comes_late_gets_the_current_state_alone(server, opened, kind, worker):
    for done in (1, 2, 3):
        worker.patch(done=done)
    worker.patch(state="failed", note="no more")
    seen = until(opened(kind, server, f"job:{worker.id}"), state="failed")
    last = seen[-1]
    assert (last["data"]["note"], last["data"]["done"]) == ("no more", 3)
    assert len(seen) <= 2  # the one before it, if that was shown less than 50 ms ago
    assert opens_with(opened(kind, server, f"job:{worker.id}")) == last


def test_between_an_answer_and_the_stream_nothing_is_lost(server, opened, kind, worker):
    answers = [worker.get(), worker.patch(done=5).json]
    for answer in answers:
        wire = opened(kind, server, f"job:{worker.id}@{answer['position']}")
        wire.follow()
        worker.patch(done=worker.get()["done"] + 1)
        now = worker.get()["done"]
        assert until(wire, done=now)[-1]["data"]["done"] == now > answer["done"]


def test_a_storm_is_shown_at_most_20_times_a_second_and_to_its_last_value(server, opened, kind, worker):
    wire = opened(kind, server, f"job:{worker.id}")
    opens_with(wire)
    wire.follow()
    over = threading.Event()

    def storm() -> None:
        done = 0
        while not over.is_set():
            done += 1
            assert worker.patch(done=done).status == 200
        worker.patch(done=done + 1, state="done")

    thread = threading.Thread(target=storm)
    began_s = time.monotonic()
    thread.start()
    try:
        seen = []
        while time.monotonic() - began_s < 0.6:
            seen.append(wire.kind("state"))
    finally:
        over.set()
        thread.join()
    seen += until(wire, state="done")
    check(seen)
    took_s = time.monotonic() - began_s
    assert len(seen) <= 20 * took_s + 2
    assert seen[-1]["data"]["done"] == worker.get()["done"]


def test_a_job_that_there_is_not(server, opened, kind, worker):
    wire = opened(kind, server, "job:unknown", f"job:{worker.id}")
    error = wire.kind("error")
    assert (error["code"], error["channel"]) == ("not-found", "job:unknown") and "retry" not in error
    assert wire.kind("state")["data"]["done"] == 0


@pytest.mark.parametrize("headers", [{}, BACKEND])
def test_nobody_publishes_to_a_job(server, worker, headers):
    for channel in (f"job:{worker.id}", "job:unknown"):
        for more in ({}, {"state": True}, {"signal": True}):
            answer = ask(server, "POST", "/v1/publish", headers, data={"channel": channel, "data": 1, **more})
            assert answer.refusal()[:2] == (403, "forbidden")


def test_a_websocket_follows_a_job_that_is_made_later(server, opened, visitor):
    wire = opened(WebSocketWire, server)
    worker = make(visitor)
    wire.command(type="subscribe", channel=f"job:{worker.id}", ref=1)
    assert wire.kind("ack")["ref"] == 1
    assert wire.kind("state")["data"]["id"] == worker.id
    wire.call(type="unsubscribe", channel=f"job:{worker.id}")
    worker.patch(state="done")
    assert wire.quiet(0.3)


def test_visitors_see_nothing_of_each_other_unless_given_the_id(server, opened, kind, visitor):
    stranger = Visitor(server)
    mine, his = make(visitor), make(stranger)
    wire = opened(kind, server, f"job:{mine.id}", headers=visitor.headers)
    opens_with(wire)
    wire.follow()
    his.patch(done=1, note="his")
    mine.patch(done=2, note="mine")
    assert until(wire, done=2)[-1]["data"]["note"] == "mine"
    assert {event.get("channel") for event in wire.events} <= {None, f"job:{mine.id}"}
    given = opened(kind, server, f"job:{mine.id}", headers=stranger.headers)
    assert opens_with(given)["data"]["note"] == "mine"


def test_a_silent_job_is_stalled_and_comes_back(beside, opened):
    server = beside(job_stalled_s=0.5, hold_s=2, heartbeat_s=1, poll_s=0.2)
    worker = make(Visitor(server), total=10)
    worker.patch(done=4)
    wires = [opened(one, server, f"job:{worker.id}") for one in WIRES]
    for wire in wires:
        stalled = wire.until(lambda event: event["type"] == "state" and event["data"]["state"] == "stalled")
        assert (stalled["data"]["done"], stalled["data"]["rate"]) == (4, None)
        wire.follow()
    assert worker.get()["state"] == "stalled"
    assert worker.patch().json["state"] == "running"
    for wire in wires:
        assert wire.kind("state")["data"]["state"] == "running"
