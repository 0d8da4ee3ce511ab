"""Server-sent events (protocol, section 5; WHATWG HTML section 9.2)."""

import pytest

from tests.handlers.four_wires import SseWire
from tests.handlers.talking import connect, read_head, request


@pytest.fixture
def wire(server, channel, opened):
    return opened(SseWire, server, f"{channel}@0", f"{channel}-b")


def test_the_answer_asks_boxes_to_let_it_through(wire):
    headers = wire.answer.headers
    assert headers["content-type"] == ["text/event-stream"]
    assert headers["cache-control"] == ["no-cache, no-transform"]
    assert headers["x-accel-buffering"] == ["no"]
    assert "content-length" not in headers and "etag" not in headers


def test_retry_is_the_first_field(wire):
    wire.event()
    first = wire.chunks[0][1]
    assert first.startswith(b"retry: ") and first.index(b"\ndata: ") < first.index(b"\n\n")
    assert wire.retry_ms > 0


def test_retry_differs_between_connections(server, channel, opened):
    asked = set()
    for _ in range(5):
        wire = opened(SseWire, server, channel)
        wire.event()
        asked.add(wire.retry_ms)
    assert len(asked) > 1


def test_a_ping_of_its_own_follows_the_first_block(wire):
    wire.kind("ping")
    with_ping = next((when_s, chunk) for when_s, chunk in wire.chunks if b"ping" in chunk)
    assert with_ping[1] == b'data: {"type":"ping"}\n\n'
    assert 0.005 < with_ping[0] - wire.chunks[0][0] < 0.5


def test_the_first_subscribed_has_the_whole_cursor(server, visitor, channel, opened):
    epoch = visitor.publish_all(channel, [1, 2, 3])[0]["position"].split("-")[0]
    wire = opened(SseWire, server, f"{channel}@-2", "room:secret", f"{channel}-b")
    wire.kind("subscribed")
    index = [event["type"] for event in [*wire.events, *wire.pending]].index("subscribed")
    assert set(wire.ids[index].split(",")) == {f"{channel}@{epoch}-1", f"{channel}-b@{epoch}-0"}
    wire.take(2)
    assert set(wire.last_id.split(",")) == {f"{channel}@{epoch}-3", f"{channel}-b@{epoch}-0"}


def test_the_cursor_alone_resumes_as_a_browser_does(server, visitor, channel, opened):
    url = (f"{channel}@-1", f"{channel}-b")
    first = opened(SseWire, server, *url)
    first.take(2, "subscribed")
    visitor.publish(channel, "a1")
    visitor.publish(f"{channel}-b", "b1")
    first.take(2)
    cursor = first.last_id
    first.close()
    visitor.publish(channel, "a2")
    visitor.publish(f"{channel}-b", "b2")
    again = opened(SseWire, server, *url, headers={"Last-Event-ID": cursor})
    assert {message["data"] for message in again.take(2)} == {"a2", "b2"}
    assert again.quiet()
    assert all(event["recovered"] for event in again.events if event["type"] == "subscribed")


def test_only_what_moves_a_position_has_an_id(server, visitor, channel, opened):
    wire = opened(SseWire, server, channel, "room:secret")
    wire.kind("subscribed")
    visitor.publish(channel, 1)
    wire.take(2, "ping", "message")
    text = b"".join(chunk for _, chunk in wire.chunks).decode()
    for block in text.split("\n\n"):
        moves = any(f'"type":"{kind}"' in block for kind in ("subscribed", "message", "state"))
        assert block.startswith("id: ") == moves, block


def test_ids_can_be_left_out(server, visitor, channel, opened):
    wire = opened(SseWire, server, channel, more="ids=0")
    wire.kind("subscribed")
    visitor.publish(channel, 1)
    wire.kind("message")
    assert set(wire.ids) == {""}
    assert b"id:" not in b"".join(chunk for _, chunk in wire.chunks)


def test_a_cursor_over_2_kb_is_left_out(server, visitor, channel, opened):
    names = [f"{channel}-{number}-{'x' * 60}" for number in range(30)]
    wire = opened(SseWire, server, *names)
    wire.take(30, "subscribed")
    visitor.publish(names[0], 1)
    wire.kind("message")
    assert set(wire.ids) == {""}


def test_http_1_0_gets_a_stream_without_chunks(server, visitor, channel):
    link = connect(server)
    link.send(request("GET", f"/v1/sse?sub={channel}", {"Connection": "keep-alive"}, version="1.0"))
    status, headers = read_head(link)
    assert status == 200 and "transfer-encoding" not in headers
    assert link.until(b"\n\n").startswith(b"retry: ")
    link.until(b'"subscribed"')
    visitor.publish(channel, "plain")
    assert link.until(b'"data":"plain"}\n\n')
    link.close()


def test_each_event_is_one_line_whatever_is_in_it(server, visitor, channel, opened):
    data = "a\nb\r\nc\rd\u2028e\u2029f\u0000g\x85"
    wire = opened(SseWire, server, channel)
    wire.subscribed()
    visitor.publish(channel, data)
    assert wire.kind("message")["data"] == data


def test_it_lives_on_its_own(server, visitor, channel, opened):
    wire = opened(SseWire, server, channel)
    wire.subscribed()
    for number in range(50):
        visitor.publish(channel, number)
    assert [message["data"] for message in wire.take(50)] == list(range(50))
