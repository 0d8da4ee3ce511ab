"""Channels of states: the newest value counts, over every wire."""

import json
import time

import pytest

from tests.handlers.talking import BACKEND, ask


def publish(server, channel, data, **more):
    return ask(server, "POST", "/v1/publish", BACKEND, data={"channel": channel, "data": data, "state": True, **more})


@pytest.fixture
def board(server, channel):
    """A channel that holds three states."""
    name = channel.replace("chat:", "board:")
    for value in (1, 2, 3):
        assert publish(server, name, value).json["offset"] == value
    return name


@pytest.fixture
def epoch(server, channel):
    return publish(server, channel, 0).json["position"].partition("-")[0]


@pytest.mark.parametrize(("start", "resumed"), [("", 2), ("@", 2), ("@0", 2), ("@-1", 2), ("@-50", 2), ("@EPOCH-0", 0), ("@EPOCH-1", 1)])
def test_the_current_state_comes_first_whatever_the_start(server, opened, kind, board, epoch, start, resumed):
    wire = opened(kind, server, board + start.replace("EPOCH", epoch))
    if "EPOCH" not in start or kind.transport not in ("long-poll", "short-poll"):  # a poll that resumes is told nothing else
        subscribed = wire.subscribed()
        assert (subscribed["position"], subscribed["recovered"]) == (f"{epoch}-{resumed}", True)
    state = wire.kind("state")
    assert (state["channel"], state["offset"], state["position"], state["data"]) == (board, 3, f"{epoch}-3", 3)
    assert isinstance(state["time"], int) and state["id"]
    wire.follow()
    assert wire.quiet()


def test_a_position_that_is_already_it_gets_nothing(server, opened, kind, board, epoch):
    wire = opened(kind, server, f"{board}@{epoch}-3")
    wire.follow()
    assert not [event for event in wire.events if event["type"] == "state"]
    publish(server, board, "next")
    assert wire.kind("state")["data"] == "next"


def test_a_position_ahead_gets_the_current_state(server, opened, kind, board, epoch):
    wire = opened(kind, server, f"{board}@{epoch}-99")
    assert wire.kind("state")["offset"] == 3


def test_another_life_of_the_log_is_announced(server, opened, kind, board, epoch):
    wire = opened(kind, server, f"{board}@zzzz-2")
    assert (wire.subscribed()["recovered"], wire.kind("state")["offset"]) == (False, 3)


def test_values_are_skipped_never_the_last(server, opened, kind, board):
    wire = opened(kind, server, board)
    wire.kind("state")
    wire.follow()
    started_s = time.monotonic()
    values = [f"v{number}" for number in range(300)]
    for first in range(0, 300, 100):
        batch = [{"channel": board, "data": value, "state": True} for value in values[first : first + 100]]
        results = ask(server, "POST", "/v1/publish", BACKEND, data={"messages": batch}).json["results"]
        assert all("offset" in result for result in results)
    seen = [wire.kind("state")]
    while seen[-1]["data"] != values[-1]:
        seen.append(wire.kind("state"))
    offsets = [state["offset"] for state in seen]
    assert offsets == sorted(set(offsets)) and offsets[-1] == 303
    assert len(seen) <= 20 * (time.monotonic() - started_s) + 2


def test_a_channel_holds_one_kind(server, board, channel):
    channel += "-messages"
    assert ask(server, "POST", "/v1/publish", BACKEND, data={"channel": board, "data": 1}).refusal() == (409, "wrong-kind", "state")
    assert ask(server, "POST", "/v1/publish", BACKEND, data={"channel": channel, "data": 1}).status == 200
    assert publish(server, channel, 1).refusal() == (409, "wrong-kind", "state")
    both = [{"channel": channel + "-new", "data": 1}, {"channel": channel + "-new", "data": 2, "state": True}]
    first, second = ask(server, "POST", "/v1/publish", BACKEND, data={"messages": both}).json["results"]
    assert first["offset"] == 1 and second["error"]["code"] == "wrong-kind"


def test_a_visitor_publishes_no_states(visitor, channel):
    answer = visitor.ask("POST", "/v1/publish", data={"channel": channel, "data": 1, "state": True})
    assert answer.refusal()[:2] == (403, "forbidden")


def test_a_repeated_state_is_stored_once(server, board):
    first = publish(server, board, {"a": 1}, id="x" * 24).json
    again = publish(server, board, {"a": 1}, id="x" * 24).json
    assert (first["duplicate"], again["duplicate"]) == (False, True) and first["position"] == again["position"]


def test_there_is_no_history_of_states(server, board):
    assert json.loads(ask(server, "GET", f"/v1/history?channel={board}").body) == {"messages": [], "more": False}
