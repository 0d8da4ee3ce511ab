"""What one address or one user may take (protocol, sections 5 and 10)."""

import json

import pytest
from tornado.websocket import websocket_connect

from settings import load
from tests.handlers.four_wires import Refused, SseWire
from tests.handlers.talking import Answer, Visitor, eventually, open_connections


@pytest.fixture(scope="module")
def strict(beside):
    """A server with tight limits."""
    return beside(connections_per_address=3, catch_up_bytes_per_s=100_000)


def test_an_address_has_so_many_connections(strict, channel, opened, kind):
    eventually(lambda: not any(open_connections(strict).values()))
    wires = [opened(SseWire, strict, channel) for _ in range(3)]
    for wire in wires:
        wire.subscribed()
    with pytest.raises(Refused) as refused:
        opened(kind, strict, channel).event()
    assert refused.value.answer.refusal()[:2] == (429, "too-many-connections")
    elsewhere = opened(kind, strict, channel, headers={"X-Forwarded-For": "192.0.2.7"})
    assert elsewhere.event()["type"] == "hello"
    wires[0].close()
    eventually(lambda: open_connections(strict)["sse"] <= 3)
    assert opened(kind, strict, channel, headers={"X-Forwarded-For": "192.0.2.8"}).event()["type"] == "hello"
    for wire in wires[1:]:
        wire.close()


def test_reading_what_was_has_a_budget(strict, channel):
    """Of its user and, eight times as much, of its address, so that new cookies don't help."""
    visitor = Visitor(strict, {"X-Forwarded-For": "198.51.100.1"})
    visitor.publish_all(channel, ["x" * 20_000] * 50)
    assert visitor.ask("GET", f"/v1/history?channel={channel}&limit=1000").status == 200

    def read(reader: Visitor) -> Answer:
        return reader.ask("GET", f"/v1/history?channel={channel}&limit=1000")

    # a megabyte is spent at once, and 100 kB come back a second
    answer = next(answer for answer in (read(visitor) for _ in range(5)) if answer.status != 200)
    assert answer.refusal()[:2] == (429, "rate-limited") and int(answer.header("retry-after")) >= 1
    assert visitor.ask("GET", f"/v1/history?channel={channel}", {"X-Forwarded-For": "198.51.100.2"}).status == 429
    assert any(read(Visitor(strict, {"X-Forwarded-For": "198.51.100.1"})).status == 429 for _ in range(20))
    assert Visitor(strict, {"X-Forwarded-For": "198.51.100.2"}).ask("GET", f"/v1/history?channel={channel}").status == 200
    assert visitor.publish(channel, "not a read")["offset"] == 51


def test_a_rate_below_one_in_ten_seconds_lets_one_pass(beside, opened, kind):
    server = beside(publish_per_s=0.05)
    visitor = Visitor(server)
    assert visitor.publish("chat:slow", 1)["offset"] == 1
    answer = visitor.ask("POST", "/v1/publish", data={"channel": "chat:slow", "data": 2})
    assert answer.refusal()[:2] == (429, "rate-limited") and 10 < int(answer.header("retry-after")) <= 20
    wire = opened(kind, server, *(f"chat:many-{number}" for number in range(100)))
    assert len(wire.take(100, "subscribed")) == 100


@pytest.mark.gen_test(timeout=30)
async def test_who_answers_refusals_with_ever_more_channels_is_sent_away(beside):
    server = beside(publish_per_s=0.1)
    socket = await websocket_connect(server.websocket_url)
    for number in range(1002):
        await socket.write_message(json.dumps({"type": "publish", "channel": f"chat:flood-{number}", "id": f"id-{number}", "data": 1}))
    while await socket.read_message() is not None:
        pass
    assert socket.close_code == 1008


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/negotiate", "/v1/history?channel=chat:x"])
def test_head_is_get_without_the_body(server, path):
    answer = Visitor(server).ask("HEAD", path)
    assert (answer.status, answer.body) == (200, b"") and int(answer.header("content-length")) > 0


@pytest.mark.parametrize("setting", ["keep_days", "publish_per_s", "hold_s"])
def test_infinity_is_no_setting(setting):
    with pytest.raises(SystemExit, match=f"ANYWIRE_{setting.upper()}"):
        load([f"--{setting.replace('_', '-')}", "inf"])
