"""What every wire carries beside messages: hello, pings, signals, renames (protocol, sections 4 and 5)."""

import time

import pytest

from tests.handlers.four_wires import WIRES, PollWire, Refused
from tests.handlers.talking import BACKEND, eventually, open_connections

SERVER_HEARTBEAT_MS = 1000
"""As the server of these tests is started."""


def test_hello_comes_first_and_at_once(server, visitor, channel, opened, kind):
    began_s = time.monotonic()
    wire = opened(kind, server, channel, headers=visitor.headers)
    hello = wire.event()
    assert time.monotonic() - began_s < 1
    assert hello.pop("connection").startswith("c_") and hello.pop("network").startswith("n_")
    user = hello.pop("user")
    assert user["id"] == visitor.id and user["name"]
    assert hello == {"type": "hello", "transport": kind.transport, "heartbeat": SERVER_HEARTBEAT_MS, "server": "anywire/1"}
    assert wire.event()["type"] == "subscribed"


def test_a_first_answer_makes_the_visitor(server, channel, opened, kind):
    wire = opened(kind, server, channel)
    wire.event()
    answer = wire.answers[0] if isinstance(wire, PollWire) else wire.answer
    cookie = answer.header("set-cookie")
    assert cookie.startswith("anywire_id=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert ("Secure" in cookie) == (server.certificate is not None)


def test_answers_are_not_kept(server, channel, opened, kind):
    if kind.transport == "websocket":
        return  # a 101 can't be kept
    wire = opened(kind, server, channel)
    wire.event()
    answer = wire.answers[0] if isinstance(wire, PollWire) else wire.answer
    assert answer.header("cache-control") == ("no-cache, no-transform" if kind.transport == "sse" else "no-store")
    assert answer.header("etag") is None
    assert answer.header("server") == "anywire/1"


def test_a_signal_reaches_who_is_there_and_is_not_kept(server, visitor, channel, opened, kind):
    wire = opened(kind, server, channel)
    wire.subscribed()
    eventually(lambda: kind.transport in ("websocket", "sse", "short-poll") or open_connections(server)[kind.transport])
    signal = {"channel": channel, "signal": True, "data": {"typing": True}}
    answer = visitor.ask("POST", "/v1/publish", data=signal)
    assert answer.status == 202
    if kind.transport != "short-poll":  # which isn't there between two requests
        event = wire.kind("signal")
        assert event.pop("user")["id"] == visitor.id
        assert event == {"type": "signal", "channel": channel, "data": {"typing": True}}
    wire.follow()
    assert visitor.publish(channel, "kept")["offset"] == 1
    assert wire.kind("message", "signal")["data"] == "kept"
    assert [m["data"] for m in visitor.history(channel)["messages"]] == ["kept"]


def test_a_new_name_is_told_to_the_open_wires_of_that_user_alone(server, visitor, channel, opened, kind):
    if kind.transport == "short-poll":
        return  # which isn't open between two requests
    wire = opened(kind, server, channel, headers=dict(visitor.headers))
    other = opened(kind, server, channel)
    wire.subscribed()
    other.subscribed()
    eventually(lambda: open_connections(server)[kind.transport] >= 2)
    answer = visitor.ask("POST", "/v1/me", data={"name": "  Ada   Lovelace "})
    assert answer.json == {"user": {"id": visitor.id, "name": "Ada Lovelace"}}
    hello = wire.kind("hello")
    assert hello["user"] == {"id": visitor.id, "name": "Ada Lovelace"} and hello["transport"] == kind.transport
    visitor.publish(channel, "by the new name")
    assert other.until(lambda event: event["type"] in ("message", "hello"))["user"]["name"] == "Ada Lovelace"


def test_silence_is_broken_by_pings(server, channel, opened, kind):
    if issubclass(kind, PollWire):
        return  # whose requests end instead
    wire = opened(kind, server, channel, more="heartbeat=500")
    assert wire.event()["heartbeat"] == 500
    wire.kind("subscribed")
    if kind.transport == "sse":
        assert wire.event()["type"] == "ping"  # the proof that follows the first block
    began_s = time.monotonic()
    assert [wire.event()["type"] for _ in range(2)] == ["ping", "ping"]
    assert 0.9 < time.monotonic() - began_s < 2


def test_a_heartbeat_only_shortens(server, channel, opened, kind):
    if issubclass(kind, PollWire):
        return
    for asked in ("1001", "3600000"):
        assert opened(kind, server, channel, more=f"heartbeat={asked}").event()["heartbeat"] == SERVER_HEARTBEAT_MS
    assert opened(kind, server, channel, more="heartbeat=750").event()["heartbeat"] == 750


@pytest.mark.parametrize("asked", ["", "499", "0", "-1", "x", "nan", "inf", "1e999", "1_000", "%D9%A1%D9%A1%D9%A1%D9%A1"])
def test_a_malformed_heartbeat_is_refused(server, channel, opened, kind, asked):
    if issubclass(kind, PollWire):
        return
    with pytest.raises(Refused) as refused:
        opened(kind, server, channel, more=f"heartbeat={asked}")
    assert refused.value.answer.refusal() == (400, "bad-request", "heartbeat")


def test_a_wire_that_was_left_out_says_so(beside, opened):
    server = beside(transports="long-poll,sse")
    for kind in WIRES:
        if kind.transport in ("long-poll", "sse"):
            assert opened(kind, server, "chat:x").event()["type"] == "hello"
            continue
        with pytest.raises(Refused) as refused:
            wire = opened(kind, server, "chat:x")
            wire.event()
        assert refused.value.answer.refusal()[:2] == (404, "transport-disabled")
    answer = opened(WIRES[2], server, "chat:x").answers[0]
    assert answer.status == 200


def test_a_backend_is_no_visitor(server, channel, opened, kind):
    wire = opened(kind, server, f"room:{channel[5:]}", headers=BACKEND)
    wire.event()
    answer = wire.answers[0] if isinstance(wire, PollWire) else wire.answer
    assert answer.header("set-cookie") is None
    assert wire.kind("subscribed", "error")["type"] == "subscribed"
