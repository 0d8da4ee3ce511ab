"""Publishing over HTTP and WebSocket: receipts, ids, order, limits, who may (protocol, section 6)."""

import json
import secrets

import pytest

from tests.handlers.four_wires import WebSocketWire
from tests.handlers.talking import BACKEND, Visitor, ask

LARGEST = "x" * (65536 - 2)
"""With its quotes 64 KiB as JSON."""


def publish(visitor, **message):
    return visitor.ask("POST", "/v1/publish", data=message)


def test_one_message_gets_a_receipt(visitor, channel):
    receipt = visitor.publish(channel, {"text": "hi"}, id="ours")
    assert set(receipt) == {"channel", "offset", "position", "id", "time", "duplicate"}
    epoch, _, offset = receipt["position"].partition("-")
    assert (receipt["channel"], receipt["offset"], offset, receipt["id"], receipt["duplicate"]) == (channel, 1, "1", "ours", False)
    assert 4 <= len(epoch) <= 16 and epoch.isalnum() and receipt["time"] > 1_700_000_000_000


def test_a_message_without_id_is_given_one(visitor, channel):
    assert visitor.publish(channel, 1)["id"] != visitor.publish(channel, 1)["id"]


def test_a_batch_is_stored_in_order_each_with_receipt_or_error(visitor, channel):
    messages = [
        {"channel": channel, "data": 0},
        {"channel": channel, "data": 1, "id": "same"},
        {"channel": "nonsense", "data": 2},
        {"channel": "news:x", "data": 3},
        {"channel": channel, "data": 4, "id": "same"},
        {"channel": channel, "data": 1, "id": "same"},
        {"channel": channel},
        "no object",
        {"channel": channel, "data": 8, "signal": True},
        {"channel": channel, "data": 9},
    ]
    answer = visitor.ask("POST", "/v1/publish", data={"messages": messages})
    assert answer.status == 200 and list(answer.json) == ["results"]
    results = answer.json["results"]
    told = [result.get("offset") or (result["error"]["code"], result["error"].get("field")) for result in results]
    assert told == [
        1,
        2,
        ("bad-channel", "channel"),
        ("forbidden", None),
        ("id-reused", "id"),
        2,
        ("bad-request", "data"),
        ("bad-request", None),
        ("bad-request", "signal"),
        3,
    ]
    assert [result.get("duplicate") for result in results if "offset" in result] == [False, False, True, False]
    assert [message["data"] for message in visitor.history(channel)["messages"]] == [0, 1, 9]


@pytest.mark.parametrize(("messages", "status"), [([], 400), ([1] * 101, 400), ("x", 400), (None, 400), ({}, 400), ([1] * 100, 200)])
def test_a_batch_has_1_to_100_messages(visitor, messages, status):
    answer = visitor.ask("POST", "/v1/publish", data={"messages": messages})
    assert answer.status == status
    if status == 400:
        assert answer.refusal() == (400, "bad-request", "messages")


def test_a_hundred_messages_are_stored_in_the_order_given(visitor, channel):
    receipts = visitor.publish_all(channel, range(100))
    assert [receipt["offset"] for receipt in receipts] == list(range(1, 101))
    assert [message["data"] for message in visitor.history(channel, limit=100)["messages"]] == list(range(100))


def test_an_id_is_stored_once_over_any_transport(server, visitor, channel, opened):
    wire = opened(WebSocketWire, server, headers=dict(visitor.headers))
    wire.kind("hello")
    first = visitor.publish(channel, {"a": [1, 2]}, id="again")
    message = {"channel": channel, "data": {"a": [1, 2]}, "id": "again"}
    ack = wire.call(type="publish", **message)
    (third,) = visitor.ask("POST", "/v1/publish", data={"messages": [message]}).json["results"]
    for receipt in (ack, third):
        assert receipt["duplicate"] is True
        assert {name: receipt[name] for name in ("offset", "position", "id", "time")} == {
            name: first[name] for name in ("offset", "position", "id", "time")
        }
    spaced = visitor.ask("POST", "/v1/publish", {"Content-Type": "application/json"}, body=json.dumps(message, indent=3).encode())
    assert spaced.json["duplicate"] is True
    assert publish(visitor, channel=channel, data={"a": [1, 3]}, id="again").refusal() == (409, "id-reused", "id")
    assert len(visitor.history(channel)["messages"]) == 1


def test_the_same_id_side_by_side_is_stored_once(server, visitor, channel, opened):
    wires = [opened(WebSocketWire, server, headers=dict(visitor.headers)) for _ in range(10)]
    for wire in wires:
        wire.kind("hello")
    for wire in wires:
        wire.command(type="publish", channel=channel, id="raced", data=1, ref=1)
    acks = [wire.kind("ack") for wire in wires]
    assert {ack["offset"] for ack in acks} == {1} and sorted(ack["duplicate"] for ack in acks) == [False] + [True] * 9


def test_an_id_is_of_one_user_and_one_channel(server, visitor, channel):
    other = Visitor(server)
    offsets = [visitor.publish(channel, 1, id="shared")["offset"], other.publish(channel, 2, id="shared")["offset"]]
    assert offsets == [1, 2]
    assert visitor.publish(f"{channel}-b", 3, id="shared")["offset"] == 1


@pytest.mark.parametrize("id", ["", "x" * 65, 7, [], {}])
def test_an_id_has_1_to_64_characters(visitor, channel, id):
    assert publish(visitor, channel=channel, data=1, id=id).refusal() == (400, "bad-request", "id")


@pytest.mark.parametrize("id", ["x", "é" * 64, "\u0000", " ", "$a.b", None])
def test_any_text_may_be_an_id(visitor, channel, id):
    receipt = publish(visitor, channel=channel, data=1, id=id).json
    assert id is None or receipt["id"] == id
    assert id is None or publish(visitor, channel=channel, data=1, id=id).json["duplicate"] is True


def test_data_has_64_kib_at_most(visitor, channel):
    assert visitor.publish(channel, LARGEST)["offset"] == 1
    assert publish(visitor, channel=channel, data=LARGEST + "x").refusal() == (413, "too-large", "data")
    # it is the compact form that counts
    for offset, wordy in ((2, " " * 70_000 + f"[{', '.join(['1'] * 30_000)}]"), (3, '"' + "\\u0041" * 65_534 + '"')):
        body = f'{{"channel":"{channel}","data":{wordy}}}'.encode()
        assert visitor.ask("POST", "/v1/publish", {"Content-Type": "application/json"}, body=body).json["offset"] == offset


def test_over_a_websocket_too(server, visitor, channel, opened):
    wire = opened(WebSocketWire, server, headers=dict(visitor.headers))
    assert wire.call(type="publish", channel=channel, data=LARGEST)["offset"] == 1
    assert wire.call(type="publish", channel=channel, data=LARGEST + "x")["code"] == "too-large"
    assert wire.call(type="publish", channel=channel, data=1)["offset"] == 2


@pytest.mark.parametrize(
    ("name", "visitor_reads", "visitor_writes", "backend_writes"),
    [
        ("chat:x", 200, 200, 200),
        ("vote:x", 404, 403, 403),
        ("job:x", 404, 403, 403),
        ("room:x", 403, 403, 200),
        ("user:u_other", 403, 403, 200),
        ("user:OWN", 200, 403, 200),
        ("news:x", 200, 403, 200),
        ("a-1:x", 200, 403, 200),
    ],
)
def test_who_may_read_and_write(visitor, name, visitor_reads, visitor_writes, backend_writes):
    name = name.replace("OWN", visitor.id)
    assert visitor.ask("GET", f"/v1/history?channel={name}").status == visitor_reads
    for signal in (False, True):
        message = {"channel": name, "data": 1, "signal": signal}
        accepted = 202 if signal else 200
        assert visitor.ask("POST", "/v1/publish", data=message).status == (accepted if visitor_writes == 200 else visitor_writes)
        written = ask(visitor.server, "POST", "/v1/publish", BACKEND, data=message)
        assert written.status == (accepted if backend_writes == 200 else backend_writes)
        assert written.header("set-cookie") is None


def test_a_wrong_key_opens_nothing(visitor, channel):
    for authorization in ("Bearer wrong", "Bearer", "bearer x", "Bearer \xe9"):
        answer = visitor.ask("POST", "/v1/publish", {"Authorization": authorization}, data={"channel": channel, "data": 1})
        assert answer.refusal()[:2] == (401, "unauthorized") and answer.header("www-authenticate") == "Bearer"


def test_a_proxys_own_password_is_none_of_ours(visitor, channel):
    answer = visitor.ask("POST", "/v1/publish", {"Authorization": "Basic dXNlcjpwYXNz"}, data={"channel": channel, "data": 1})
    assert answer.status == 200


def test_a_signal_is_answered_202_and_not_stored(visitor, channel):
    answer = publish(visitor, channel=channel, data={"typing": True}, signal=True)
    assert answer.status == 202 and answer.json == {}
    assert visitor.history(channel) == {"messages": [], "more": False}


@pytest.fixture(scope="module")
def limited(beside):
    """A server that takes 5 messages a second from a user, and 50 at once."""
    return beside(publish_per_s=5)


def test_what_is_refused_for_now_says_when(limited, channel):
    visitor = Visitor(limited)
    receipts = visitor.publish_all(channel, range(49))
    assert [receipt["offset"] for receipt in receipts] == list(range(1, 50))
    ids = [secrets.token_hex(12) for _ in range(4)]
    batch = {"messages": [{"channel": channel, "data": n, "id": id} for n, id in enumerate(ids)] + [{"channel": f"{channel}-b", "data": 1}]}
    results = visitor.ask("POST", "/v1/publish", data=batch).json["results"]
    codes = [result.get("offset") or result["error"]["code"] for result in results]
    assert codes == [50, "rate-limited", "after-refused", "after-refused", "rate-limited"]
    single = publish(visitor, channel=channel, data=1)
    assert single.refusal()[:2] == (429, "rate-limited") and int(single.header("retry-after")) >= 1
    other = Visitor(limited)
    assert other.publish(channel, "another user's")["offset"] == 51
    for _ in range(60):
        ask(limited, "POST", "/v1/publish", BACKEND, data={"channel": channel, "data": "a backend's"})
    assert visitor.history(channel)["messages"][-1]["offset"] == 111


def test_what_follows_a_refused_message_waits_for_it(limited, channel, opened):
    wire = opened(WebSocketWire, limited)
    wire.kind("hello")
    count = 70  # the burst is 50
    for n in range(count):
        wire.command(type="publish", ref=n, channel=channel, id=f"m{n}", data=n)
    answers = {event["ref"]: event for event in wire.take(count, "ack", "error")}
    refused = min(n for n in range(count) if answers[n]["type"] == "error")
    assert answers[refused]["code"] == "rate-limited" and answers[refused]["retry"] > 0
    assert {answers[n]["code"] for n in range(refused + 1, count)} == {"after-refused"}
    # another channel isn't held up by it, but by the same limit
    assert wire.call(type="publish", channel=f"{channel}-b", data=1).get("code") in (None, "rate-limited")
    # once there is room again what comes later is still refused, until the refused one has come
    while True:
        assert wire.call(type="publish", channel=channel, id=f"m{refused + 1}", data=refused + 1)["code"] == "after-refused"
        again = wire.call(type="publish", channel=channel, id=f"m{refused}", data=refused)
        if again["type"] == "ack":
            break
    n = refused + 1
    while n < refused + 4:
        n += wire.call(type="publish", channel=channel, id=f"m{n}", data=n)["type"] == "ack"
    other = opened(WebSocketWire, limited)  # another visitor, whom this doesn't concern
    assert other.call(type="publish", channel=f"{channel}-b", id="x", data=1)["type"] == "ack"
    stored = Visitor(limited).history(channel, limit=100)["messages"]
    assert [message["data"] for message in stored] == list(range(refused + 4))


def test_only_post_publishes(server):
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD"):
        answer = ask(server, method, "/v1/publish")
        assert answer.status == 405
        if method != "HEAD":
            assert answer.error["code"] == "method-not-allowed"


@pytest.mark.parametrize(
    "media_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
)
def test_a_body_is_json(server, channel, media_type):
    headers = {} if media_type is None else {"Content-Type": media_type}
    body = json.dumps({"channel": channel, "data": 1}).encode()
    assert ask(server, "POST", "/v1/publish", headers, body=body).refusal()[:2] == (415, "bad-media-type")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", "application/json;x"])
def test_a_media_type_may_have_parameters(server, channel, media_type):
    body = json.dumps({"channel": channel, "data": 1}).encode()
    assert ask(server, "POST", "/v1/publish", {"Content-Type": media_type}, body=body).status == 200


def test_another_sites_form_publishes_nothing(server):
    assert ask(server, "POST", "/v1/publish", form="channel=chat%3Ax&data=1").refusal()[0] == 415
