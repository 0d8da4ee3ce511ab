"""Where a subscription begins: one scenario over the four wires (protocol, section 3)."""

import pytest

from tests.handlers.four_wires import WIRES, PollWire, Refused

MESSAGES = 5


@pytest.fixture
def filled(visitor, channel):
    """A channel with five messages; their epoch."""
    receipts = visitor.publish_all(channel, range(1, MESSAGES + 1))
    return receipts[-1]["position"].split("-")[0]


@pytest.mark.parametrize(
    ("start", "begins"),
    [("", 5), ("@", 5), ("@0", 0), ("@-2", 3), ("@-5", 0), ("@-1000", 0), ("@EPOCH-0", 0), ("@EPOCH-3", 3), ("@EPOCH-5", 5)],
)
def test_a_start_says_which_message_comes_first(server, visitor, channel, filled, opened, kind, start, begins):
    wire = opened(kind, server, channel + start.replace("EPOCH", filled))
    resumed_poll = issubclass(kind, PollWire) and "EPOCH" in start
    if not resumed_poll:
        assert wire.event()["type"] == "hello"
        assert wire.kind("subscribed") == {"type": "subscribed", "channel": channel, "position": f"{filled}-{begins}", "recovered": True}
    wire.follow()
    visitor.publish(channel, 6)
    messages = wire.take(6 - begins)
    assert [message["offset"] for message in messages] == list(range(begins + 1, 7))
    assert [message["data"] for message in messages] == list(range(begins + 1, 7))
    assert wire.quiet()
    assert {event["type"] for event in wire.events} <= {"message", "ping"} or not resumed_poll


def test_a_message_has_the_documented_fields(server, visitor, channel, opened, kind):
    wire = opened(kind, server, channel)
    wire.subscribed()
    receipt = visitor.publish(channel, {"text": "hi"}, id="a-message-of-ours")
    message = wire.kind("message")
    user = message.pop("user")
    assert user["id"] == visitor.id and user["name"]
    assert message == {
        "type": "message",
        "channel": channel,
        "offset": 1,
        "position": receipt["position"],
        "id": "a-message-of-ours",
        "time": receipt["time"],
        "data": {"text": "hi"},
    }


def test_of_a_channel_named_twice_the_last_start_counts(server, channel, filled, opened, kind):
    wire = opened(kind, server, f"{channel}@0", f"{channel}@-1")
    assert wire.kind("subscribed")["position"] == f"{filled}-4"
    assert wire.kind("message")["offset"] == 5
    assert wire.quiet()
    assert [event["type"] for event in wire.events].count("subscribed") == 1


def test_a_hundred_channels_fit(server, channel, opened, kind):
    wire = opened(kind, server, *(f"{channel}-{number}" for number in range(100)), f"{channel}-0")
    followed = {wire.kind("subscribed")["channel"] for _ in range(100)}
    assert len(followed) == 100


def test_a_hundred_and_one_channels_are_refused(server, channel, opened, kind):
    with pytest.raises(Refused) as refused:
        opened(kind, server, *(f"{channel}-{number}" for number in range(101)))
    assert refused.value.answer.refusal() == (400, "bad-request", "sub")


@pytest.mark.parametrize(("refused", "code"), [("room:secret", "forbidden"), ("user:u_other", "forbidden"), ("job:none", "not-found")])
def test_a_channel_that_is_refused_leaves_the_others_alone(server, visitor, channel, opened, kind, refused, code):
    wire = opened(kind, server, refused, channel)
    first = [wire.event() for _ in range(3)]
    assert first[0]["type"] == "hello"
    error = next(event for event in first if event["type"] == "error")
    assert (error["code"], error["channel"]) == (code, refused) and error["message"]
    assert any(event["type"] == "subscribed" and event["channel"] == channel for event in [*first, wire_event_or_none(wire)])
    wire.follow()
    visitor.publish(channel, "on")
    assert wire.kind("message")["data"] == "on"


def wire_event_or_none(wire):
    try:
        return wire.event(0.2)
    except TimeoutError:
        return {"type": None}


@pytest.mark.parametrize(
    "start", ["-0", "-1001", "--1", "-", "1", "00", "+1", "E-", "E-x", "abcd", "abcd-", "abcd--1", "abcd-01", "abcd-1.0"]
)
def test_a_malformed_start_is_refused(server, channel, opened, kind, start):
    with pytest.raises(Refused) as refused:
        opened(kind, server, f"{channel}@{start}")
    assert refused.value.answer.refusal() == (400, "bad-position", "sub")


@pytest.mark.parametrize(
    "name", ["", "chat", "chat:", ":x", "Chat:x", "1chat:x", "chat:a b", "chat:é", "chat:" + "x" * 129, "c" * 33 + ":x", "chat:a/b"]
)
def test_a_malformed_channel_is_refused(server, channel, opened, kind, name):
    with pytest.raises(Refused) as refused:
        opened(kind, server, channel, name)
    assert refused.value.answer.refusal() == (400, "bad-channel", "sub")


@pytest.mark.parametrize("start", ["0000zzzz-3", "EPOCH-6", "EPOCH-9007199254740991"])
def test_what_cannot_be_resumed_begins_anew_with_what_is_kept(server, visitor, channel, filled, opened, kind, start):
    wire = opened(kind, server, f"{channel}@{start.replace('EPOCH', filled)}")
    assert wire.event()["type"] == "hello"
    assert wire.subscribed() == {"type": "subscribed", "channel": channel, "position": f"{filled}-0", "recovered": False}
    assert [message["offset"] for message in wire.take(5)] == [1, 2, 3, 4, 5]
    wire.follow()
    visitor.publish(channel, "next")
    assert wire.kind("message")["offset"] == 6


def test_a_cursor_overrides_the_starts_that_it_names(server, channel, filled, opened, kind):
    other = f"{channel}-other"
    cursor = f"{channel}@{filled}-3,chat:elsewhere@{filled}-1"
    for how in ({"headers": {"Last-Event-ID": cursor}}, {"more": f"lastEventId={cursor}"}):
        wire = opened(kind, server, f"{channel}@0", other, **how)
        assert [message["offset"] for message in wire.take(2)] == [4, 5]
        assert wire.quiet()
        assert {event.get("channel") for event in wire.events} <= {channel, other, None}


def test_the_cursor_in_the_header_goes_before_the_parameter(server, channel, filled, opened, kind):
    wire = opened(kind, server, channel, headers={"Last-Event-ID": f"{channel}@{filled}-4"}, more=f"lastEventId={channel}@{filled}-1")
    assert wire.kind("message")["offset"] == 5
    assert wire.quiet()


def test_a_malformed_cursor_is_refused(server, channel, opened, kind):
    for cursor in ("x", f"{channel}", f"{channel}@", f"{channel}@abcd-x", ",", f"{channel}@abcd-1,"):
        with pytest.raises(Refused) as refused:
            opened(kind, server, channel, headers={"Last-Event-ID": cursor})
        assert refused.value.answer.refusal() == (400, "bad-position", "lastEventId")


def test_parameters_may_come_as_a_form(server, visitor, channel, filled, opened, kind):
    if kind.transport == "websocket":
        assert visitor.ask("POST", "/v1/websocket", form=f"sub={channel}").refusal()[:2] == (405, "method-not-allowed")
        return
    wire = opened(kind, server, f"{channel}@-2", form=True)
    assert wire.event()["type"] == "hello"
    wire.subscribed()
    assert [message["offset"] for message in wire.take(2)] == [4, 5]
    wire.follow()
    visitor.publish(channel, 6)
    assert wire.kind("message")["offset"] == 6


def test_unknown_parameters_are_ignored(server, channel, opened, kind):
    wire = opened(kind, server, channel, more="_=0.123&colour=blue&transport=x&=&%00=%00")
    assert wire.kind("subscribed")["recovered"] is True


def test_without_channels_only_a_websocket_opens(server, opened, kind):
    for more in ("", "_=1", "sub"):
        if kind.transport == "websocket" and more != "sub":
            assert opened(kind, server, more=more).event()["type"] == "hello"
            continue
        with pytest.raises(Refused) as refused:
            opened(kind, server, more=more)
        assert refused.value.answer.status == 400 and refused.value.answer.error["field"] == "sub"


def test_a_client_may_change_transport_at_any_message(server, visitor, channel, filled, opened):
    visitor.publish_all(channel, range(6, 21))
    position, seen = f"{filled}-0", []
    for turn in range(10):
        wire = opened(WIRES[turn % 4], server, f"{channel}@{position}")
        for message in wire.take(2):
            seen.append(message["offset"])
            position = message["position"]
        wire.close()
    assert seen == list(range(1, 21))
