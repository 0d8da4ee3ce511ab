"""Commands over a WebSocket, and its handshake (protocol, sections 5 and 6)."""

import json
import uuid

import pytest

from tests.handlers.four_wires import BINARY, PING, PONG, Refused, WebSocketWire, frame
from tests.handlers.talking import ask, connect, read_answer, read_head, request

HANDSHAKE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "WebSocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture
def wire(server, visitor, opened):
    wire = opened(WebSocketWire, server, headers=dict(visitor.headers))
    wire.kind("hello")
    return wire


def test_the_subprotocol_is_chosen_only_where_it_was_offered(server, opened):
    for offered, chosen in ((None, None), ("anywire.v1", "anywire.v1"), ("chat, anywire.v1", "anywire.v1"), ("chat", None)):
        headers = {"Sec-WebSocket-Protocol": offered} if offered else {}
        wire = opened(WebSocketWire, server, headers=headers)
        assert wire.answer.header("sec-websocket-protocol") == chosen
        assert wire.answer.header("sec-websocket-extensions") is None
        assert wire.event()["type"] == "hello"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Upgrade": "h2c"},
        {"Connection": "keep-alive"},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": "x"},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": "x" * 24},
    ],
)
def test_a_malformed_handshake_is_refused(server, opened, wrong):
    with pytest.raises(Refused) as refused:
        opened(WebSocketWire, server, headers=wrong)
    answer = refused.value.answer
    assert answer.refusal()[:2] == (400, "bad-request")
    assert answer.header("sec-websocket-version") == "13"


def test_a_plain_request_is_told_what_this_address_speaks(server):
    assert ask(server, "GET", "/v1/websocket").refusal()[:2] == (400, "bad-request")


def test_a_handshake_of_an_old_version_is_refused(server):
    link = connect(server)
    link.send(request("GET", "/v1/websocket", HANDSHAKE).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1))
    assert read_answer(link).refusal()[:2] == (400, "bad-request")
    link.close()


def test_a_publish_sees_the_subscribes_before_it(visitor, wire):
    for number in range(10):
        channels = [f"chat:{number}-{uuid.uuid4().hex}" for _ in range(20)]
        for channel in channels:
            wire.command(type="subscribe", channel=channel)
        for data in range(3):
            wire.command(type="publish", channel=channels[-1], data=data)
        assert [message["data"] for message in wire.take(3)] == [0, 1, 2]
        for channel in channels:
            wire.command(type="unsubscribe", channel=channel)


def test_what_follows_the_handshake_in_the_same_segment_is_read(server, opened):
    wire = opened(WebSocketWire, server)
    wire.link.close()
    wire.link = connect(server)
    wire.link.send(request("GET", "/v1/websocket", HANDSHAKE) + frame(b'{"type":"ping","ref":7}'))
    assert read_head(wire.link)[0] == 101
    assert [wire.event()["type"] for _ in range(3)] == ["hello", "ping", "ack"]


def test_subscribe_and_unsubscribe(visitor, channel, wire):
    epoch = visitor.publish_all(channel, [1, 2, 3])[0]["position"].split("-")[0]
    assert wire.call(type="subscribe", channel=channel, after="-1") == {"type": "ack", "ref": 1, "channel": channel}
    assert wire.kind("subscribed")["position"] == f"{epoch}-2"
    assert wire.kind("message")["data"] == 3
    assert wire.call(type="unsubscribe", channel=channel)["type"] == "ack"
    visitor.publish(channel, 4)
    assert wire.quiet()


@pytest.mark.parametrize(("after", "first"), [(None, 4), ("", 4), ("0", 1), ("-2", 2), ("EPOCH-1", 2), ("zzzz-9", 1)])
def test_after_takes_every_start(visitor, channel, wire, after, first):
    epoch = visitor.publish_all(channel, [1, 2, 3])[0]["position"].split("-")[0]
    fields = {} if after is None else {"after": after.replace("EPOCH", epoch)}
    wire.command(type="subscribe", channel=channel, **fields)
    subscribed = wire.kind("subscribed")
    assert subscribed["recovered"] == (after != "zzzz-9") and subscribed["position"] == f"{epoch}-{first - 1}"
    visitor.publish(channel, 4)
    assert [message["offset"] for message in wire.take(5 - first)] == list(range(first, 5))


def test_subscribing_again_replaces_the_position(visitor, channel, wire):
    visitor.publish_all(channel, range(1, 6))
    wire.call(type="subscribe", channel=channel)
    wire.kind("subscribed")
    wire.call(type="subscribe", channel=channel, after="-2")
    wire.kind("subscribed")
    assert [message["offset"] for message in wire.take(2)] == [4, 5]
    visitor.publish(channel, 6)
    assert wire.kind("message")["offset"] == 6
    assert wire.quiet()


def test_publish_is_acknowledged_and_delivered_too(visitor, channel, wire):
    wire.call(type="subscribe", channel=channel)
    wire.kind("subscribed")
    wire.command(type="publish", channel=channel, id="one-of-ours", data={"a": 1}, ref="r")
    events = {event["type"]: event for event in wire.take(2, "ack", "message")}
    ack = events["ack"]
    assert ack.pop("time") == events["message"]["time"] and ack.pop("position") == events["message"]["position"]
    assert ack == {"type": "ack", "ref": "r", "channel": channel, "offset": 1, "id": "one-of-ours", "duplicate": False}
    assert events["message"]["user"]["id"] == visitor.id
    assert wire.call(type="publish", channel=channel, id="one-of-ours", data={"a": 1})["duplicate"] is True
    assert wire.call(type="publish", channel=channel, id="one-of-ours", data={"a": 2})["code"] == "id-reused"


def test_a_publish_without_ref_is_stored_in_silence(visitor, channel, wire):
    wire.command(type="publish", channel=channel, data=1)
    assert wire.call(type="publish", channel=channel, data=2)["offset"] == 2
    assert [event["type"] for event in wire.events] == ["hello", "ack"]


def test_a_ping_is_answered(wire):
    wire.command(type="ping")
    assert wire.event() == {"type": "ping"}
    assert wire.call(type="ping") == {"type": "ack", "ref": 1}
    assert wire.events[-2] == {"type": "ping"}


def test_a_signal_goes_to_who_follows(server, visitor, channel, opened, wire):
    other = opened(WebSocketWire, server, channel)
    other.kind("subscribed")
    assert wire.call(type="signal", channel=channel, data={"typing": True})["type"] == "ack"
    assert other.kind("signal")["data"] == {"typing": True}


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        ('{"type":"subscribe","ref":REF,"channel":"nonsense"}', "bad-channel", "channel"),
        ('{"type":"unsubscribe","ref":REF,"channel":"nonsense"}', "bad-channel", "channel"),
        ('{"type":"subscribe","ref":REF,"channel":"chat:x","after":"nonsense"}', "bad-position", "after"),
        ('{"type":"subscribe","ref":REF,"channel":"chat:x","after":"-1001"}', "bad-position", "after"),
        ('{"type":"subscribe","ref":REF,"channel":"chat:x","after":5}', "bad-request", "after"),
        ('{"type":"subscribe","ref":REF}', "bad-request", "channel"),
        ('{"type":"subscribe","ref":REF,"channel":"room:x"}', "forbidden", None),
        ('{"type":"subscribe","ref":REF,"channel":"job:x"}', "not-found", None),
        ('{"type":"publish","ref":REF,"channel":"chat:x"}', "bad-request", "data"),
        ('{"type":"publish","ref":REF,"channel":"chat:x","data":1,"id":""}', "bad-request", "id"),
        ('{"type":"publish","ref":REF,"channel":"chat:x","data":1,"id":7}', "bad-request", "id"),
        ('{"type":"publish","ref":REF,"channel":"news:x","data":1}', "forbidden", None),
        ('{"type":"publish","ref":REF,"channel":"x","data":1}', "bad-channel", "channel"),
        ('{"type":"publish","ref":REF,"channel":"chat:x","data":1e400}', "bad-data", "data"),
        ('{"type":"signal","ref":REF,"channel":"news:x","data":1}', "forbidden", None),
        ('{"type":"signal","ref":REF,"channel":"chat:x"}', "bad-request", "data"),
        ('{"type":"dance","ref":REF}', "bad-request", "type"),
        ('{"ref":REF}', "bad-request", "type"),
    ],
)
@pytest.mark.parametrize("ref", [7, "seven"])
def test_a_refused_command_names_its_ref(wire, command, code, field, ref):
    wire.send_frame(command.replace("REF", json.dumps(ref)).encode())
    error = wire.kind("error", "ack")
    assert (error["type"], error["ref"], error["code"], error.get("field")) == ("error", ref, code, field), error
    assert error["message"]
    assert wire.call(type="ping")["type"] == "ack"


@pytest.mark.parametrize(
    "text", [b"", b"x", b"[]", b"null", b'"x"', b"{", b'{"type":"ping"', b'{"type":"ping"}}', b"\xef\xbb\xbf{}", b'{"type":["ping"]}']
)
def test_what_is_no_command_is_answered_by_an_error(wire, text):
    wire.send_frame(text)
    error = wire.kind("error")
    assert error["code"] in ("bad-json", "bad-request") and "ref" not in error
    assert wire.call(type="ping")["type"] == "ack"


@pytest.mark.parametrize("ref", ["true", "1.5", "[1]", "{}", '"\\ud800"'])
def test_a_ref_is_a_number_or_a_text(wire, ref):
    wire.send_frame(b'{"type":"ping","ref":%s}' % ref.encode())
    assert wire.kind("error", "ack")["type"] == "error"


def test_binary_frames_are_no_commands(wire):
    wire.send_frame(b'{"type":"ping"}', BINARY)
    assert wire.kind("error")["code"] == "bad-request"
    assert wire.call(type="ping")["type"] == "ack"


def test_a_fragmented_command_is_one_command(wire):
    command = b'{"type":"publish","ref":1,"channel":"chat:fragments","data":"\xc3\xa9"}'
    for cut in (1, 20, len(command) - 3):
        wire.send_frame(command[:cut], fin=False)
        wire.send_frame(b"in between", PING)
        wire.send_frame(b"", 0, fin=False)
        wire.send_frame(command[cut:], 0)
        assert wire.frame() == (PONG, b"in between")
        assert wire.kind("ack", "error")["type"] == "ack"


def test_at_most_a_hundred_channels(wire, channel):
    for number in range(100):
        wire.command(type="subscribe", channel=f"{channel}-{number}")
    wire.take(100, "subscribed")
    error = wire.call(type="subscribe", channel=f"{channel}-100")
    assert (error["code"], error["field"]) == ("bad-request", "channel")
    assert wire.call(type="subscribe", channel=f"{channel}-7")["type"] == "ack"
    assert wire.call(type="unsubscribe", channel=f"{channel}-7")["type"] == "ack"
    assert wire.call(type="subscribe", channel=f"{channel}-100")["type"] == "ack"


def test_pipelined_messages_are_stored_in_the_order_sent(visitor, channel, wire):
    wire.link.send(
        b"".join(
            frame(json.dumps({"type": "publish", "ref": n, "channel": channel, "id": f"ordered-{n}", "data": n}).encode())
            for n in range(500)
        )
    )
    acks = wire.take(500, "ack", "error")
    assert sorted((ack["ref"], ack["offset"]) for ack in acks) == [(n, n + 1) for n in range(500)]
    assert [message["data"] for message in visitor.history(channel, limit=1000)["messages"]] == list(range(500))


def test_more_than_can_wait_is_read_later_and_not_refused(visitor, channel, wire):
    wire.link.send(b"".join(frame(b'{"type":"publish","ref":%d,"channel":"%s","data":%d}' % (n, channel.encode(), n)) for n in range(3000)))
    assert [ack["type"] for ack in wire.take(3000, "ack", "error")] == ["ack"] * 3000
    newest = visitor.history(channel, limit=1000)["messages"]
    assert [message["data"] for message in newest] == list(range(2000, 3000))
