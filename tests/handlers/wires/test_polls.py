"""The two wires whose answers end (protocol, section 5)."""

import time

import pytest

from tests.handlers.four_wires import LongPollWire, ShortPollWire
from tests.handlers.talking import ask, connect, eventually, open_connections, read_answer, request

HOLD_S = 2
"""As the server of these tests is started."""
ANSWER_BYTES = 1024 * 1024


@pytest.fixture(params=["long-poll", "short-poll"])
def poll(request, server, visitor):
    """Asks one of the two, and returns its answer."""

    def ask_poll(query, **body):
        method = "POST" if body else "GET"
        return visitor.ask(method, f"/v1/{request.param}?{query}", **body)

    ask_poll.transport = request.param
    return ask_poll


def types(answer):
    assert answer.status == 200, answer.body
    return [event["type"] for event in answer.json["events"]]


def timed(call):
    began_s = time.monotonic()
    return call(), time.monotonic() - began_s


def test_a_new_channel_is_greeted_and_never_held(channel, poll):
    answer, took_s = timed(lambda: poll(f"sub={channel}"))
    assert types(answer) == ["hello", "subscribed"] and took_s < HOLD_S / 2
    position = answer.json["events"][1]["position"]
    assert answer.json["next"] == f"sub=chat%3A{channel[5:]}%40{position}"
    assert set(answer.json) == ({"events", "next", "poll"} if poll.transport == "short-poll" else {"events", "next"})


def test_a_position_is_not_greeted(visitor, channel, poll):
    following = poll(f"sub={channel}").json["next"]
    visitor.publish(channel, 1)
    answer = poll(following)
    assert types(answer) == ["message"]
    assert answer.json["next"] == following.replace("-0", "-1")


def test_one_new_channel_among_known_ones_is_greeted(visitor, channel, poll):
    following = poll(f"sub={channel}").json["next"]
    answer, took_s = timed(lambda: poll(f"{following}&sub={channel}-b"))
    assert types(answer) == ["hello", "subscribed"] and took_s < HOLD_S / 2
    assert answer.json["events"][1]["channel"] == f"{channel}-b"
    assert answer.json["next"].startswith(following + "&sub=")


def test_next_also_serves_as_a_form(server, visitor, channel, poll):
    following = poll(f"sub={channel}").json["next"]
    visitor.publish(channel, 1)
    answer = visitor.ask("POST", f"/v1/{poll.transport}", form=following)
    assert types(answer) == ["message"]


def test_a_probe_is_answered_at_once(channel, poll):
    answer, took_s = timed(lambda: poll("hello=1"))
    assert types(answer) == ["hello"] and took_s < HOLD_S / 2
    following = poll(f"sub={channel}").json["next"]
    answer, took_s = timed(lambda: poll(f"{following}&hello=1"))
    assert types(answer) == ["hello"] and took_s < HOLD_S / 2 and answer.json["next"] == following


def test_a_refused_channel_is_not_held(poll):
    answer, took_s = timed(lambda: poll("sub=room:secret"))
    assert types(answer) == ["hello", "error"] and took_s < HOLD_S / 2


def test_a_poll_is_held_until_there_is_something(server, visitor, channel, opened):
    wire = opened(LongPollWire, server, channel)
    wire.subscribed()
    eventually(lambda: open_connections(server)["long-poll"])
    receipt = visitor.publish(channel, "x")
    message, took_s = timed(wire.event)
    assert message["offset"] == receipt["offset"] and took_s < HOLD_S / 2


@pytest.mark.parametrize(
    ("wait", "least_s", "most_s"), [("0", 0, 0.3), ("0.4", 0.4, 1.5), (".4", 0.4, 1.5), ("3600", HOLD_S, HOLD_S + 1.5)]
)
def test_wait_bounds_the_hold(server, visitor, channel, wait, least_s, most_s):
    following = visitor.ask("GET", f"/v1/long-poll?sub={channel}").json["next"]
    answer, took_s = timed(lambda: visitor.ask("GET", f"/v1/long-poll?{following}&wait={wait}"))
    assert answer.json == {"events": [], "next": following}
    assert least_s - 0.01 <= took_s <= most_s


def test_wait_means_nothing_to_a_short_poll(visitor, channel):
    following = visitor.ask("GET", f"/v1/short-poll?sub={channel}").json["next"]
    answer, took_s = timed(lambda: visitor.ask("GET", f"/v1/short-poll?{following}&wait=2"))
    assert (answer.json["events"], answer.json["next"]) == ([], following) and took_s < 1


@pytest.mark.parametrize("wait", ["", "x", "-1", "nan", "inf", "1e999", "1_0", "0x1", "%20", "%D9%A1", "1.", "1e400"])
def test_a_malformed_wait_is_refused(visitor, channel, wait):
    assert visitor.ask("GET", f"/v1/long-poll?sub={channel}&wait={wait}").refusal() == (400, "bad-request", "wait")


def test_an_answer_is_bounded_and_next_goes_on(server, visitor, channel, poll):
    sizes = [60_000] * 50
    for begin in range(0, 50, 25):
        visitor.publish_all(channel, ("x" * size for size in sizes[begin : begin + 25]))
    following, offsets, answers = f"sub={channel}@0", [], 0
    while len(offsets) < 50:
        answer = poll(following)
        assert len(answer.body) <= ANSWER_BYTES + 1000
        following = answer.json["next"]
        offsets += [event["offset"] for event in answer.json["events"] if event["type"] == "message"]
        answers += 1
    assert offsets == list(range(1, 51)) and answers >= 3


def test_signals_answer_a_held_poll_at_most_once_a_second(server, visitor, channel, opened):
    wire = opened(LongPollWire, server, channel)
    wire.subscribed()
    eventually(lambda: open_connections(server)["long-poll"])
    began_s = time.monotonic()
    for number in range(5):
        visitor.ask("POST", "/v1/publish", data={"channel": channel, "data": number, "signal": True})
    assert [event["data"] for event in wire.take(5, "signal")] == list(range(5))
    assert 0.7 < time.monotonic() - began_s < 1.5
    assert len(wire.answers) == 2  # the one that greeted, and one for all five


def test_a_signal_does_not_delay_a_message(server, visitor, channel, opened):
    wire = opened(LongPollWire, server, channel)
    wire.subscribed()
    eventually(lambda: open_connections(server)["long-poll"])
    visitor.ask("POST", "/v1/publish", data={"channel": channel, "data": 0, "signal": True})
    visitor.publish(channel, 1)
    event, took_s = timed(lambda: wire.kind("message"))
    assert event["data"] == 1 and took_s < 0.5


def test_polls_keep_their_connection(server, channel):
    link = connect(server)
    following = f"sub={channel}"
    for _ in range(5):
        link.send(request("GET", f"/v1/short-poll?{following}"))
        following = read_answer(link).json["next"]
    link.close()


def test_a_poll_of_http_1_0_is_answered(server, channel):
    answer = ask(server, "GET", f"/v1/long-poll?sub={channel}", version="1.0")
    assert types(answer) == ["hello", "subscribed"] and answer.header("transfer-encoding") is None


def test_a_short_poll_says_when_to_come_again(server, opened, channel):
    wire = opened(ShortPollWire, server, channel)
    wire.event()
    assert 200 <= wire.answers[0].json["poll"] <= 1000  # up to five times as long under load
