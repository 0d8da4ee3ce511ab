"""One request after the other on a bare socket, however it comes, and to Tornado and back."""

import time

import pytest

from handlers.http1 import MAX_HEAD_BYTES
from tests.handlers.four_wires import frame, query_of
from tests.handlers.front.asking import HANDSHAKE, POLLS, ask, get, held, know, types
from tests.handlers.talking import Closed, Link, eventually, read_answer, request


@pytest.mark.parametrize("path", ["/v1/long-poll?sub=CHANNEL", "/v1/negotiate", "/v1/short-poll?hello=1"])
def test_a_head_that_comes_byte_by_byte(link, visitor, channel, path):
    know(visitor, channel)
    data = get(path.replace("CHANNEL", channel.replace(":", "%3A")), visitor.headers)
    for at in range(len(data)):
        link.send(data[at : at + 1])
        if at % 16 == 0:
            time.sleep(0.002)
    assert read_answer(link).status == 200


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_a_stream_s_head_that_comes_in_two(link, visitor, channel, transport):
    know(visitor, channel)
    data = get(f"/v1/{transport}?{query_of((channel,))}", HANDSHAKE if transport == "websocket" else {})
    for part in (data[:6], data[6:40], data[40:-3], data[-3:]):
        link.send(part)
        time.sleep(0.01)
    link.until(b'"subscribed"')


def test_plain_requests_stay_at_the_front(link, visitor, channel, tornado_serves):
    following = know(visitor, channel)
    tornado_serves.clear()
    ask(link, f"/v1/short-poll?{following}", visitor.headers)
    ask(link, f"/v1/long-poll?{following}&wait=0.1", visitor.headers)
    ask(link, f"/v1/long-poll?{following}&hello=1", visitor.headers)
    link.send(get(f"/v1/sse?{following}", visitor.headers))
    link.until(b'"hello"')
    assert tornado_serves == []


def test_requests_that_come_together_are_answered_in_order(link, visitor, channel):
    following = know(visitor, channel)
    one = get(f"/v1/short-poll?{following}", visitor.headers)
    other = get(f"/v1/long-poll?{query_of((channel,))}", visitor.headers)
    link.send(one + other + one + get("/v1/negotiate", visitor.headers) + one)
    answers = [read_answer(link) for _ in range(5)]
    assert [answer.status for answer in answers] == [200] * 5
    assert [types(answers[n]) for n in (0, 1, 2, 4)] == [[], ["hello", "subscribed"], [], []]
    assert answers[3].json["user"]["id"] == visitor.id


def test_a_request_that_comes_while_another_is_held_waits_for_its_answer(link, visitor, channel):
    following = know(visitor, channel)
    link.send(get(f"/v1/long-poll?{following}", visitor.headers))
    link.send(get(f"/v1/short-poll?{following}", visitor.headers))
    assert link.silent(0.2)
    visitor.publish(channel, "now")
    first, second = read_answer(link), read_answer(link)
    assert [[event["data"] for event in answer.json["events"]] for answer in (first, second)] == [["now"], ["now"]]


def test_much_that_comes_while_a_poll_is_held_is_read_later(here, link, visitor, channel):
    following = know(visitor, channel)
    link.send(get(f"/v1/long-poll?{following}", visitor.headers))
    eventually(lambda: held(here))
    more = get(f"/v1/short-poll?{following}", visitor.headers)
    count = 3 * MAX_HEAD_BYTES // len(more)
    link.send(more * count)
    visitor.publish(channel, "now")
    assert [read_answer(link).status for _ in range(count + 1)] == [200] * (count + 1)


def test_a_websocket_that_begins_behind_a_held_poll_is_heard(here, link, visitor, channel):
    """With more than a head may have: until the poll was answered, nothing is read."""
    following = know(visitor, channel)
    link.send(get(f"/v1/long-poll?{following}", visitor.headers))
    eventually(lambda: held(here))
    frames = frame(b'{"type":"ping","ref":1}' + b" " * 2000) * 40
    link.send(get(f"/v1/websocket?{following}", {**visitor.headers, **HANDSHAKE}) + frames)
    assert link.silent(0.1)
    visitor.publish(channel, "now")
    assert types(read_answer(link)) == ["message"]
    assert link.until(b"\r\n").startswith(b"HTTP/1.1 101")
    link.send(frame(b'{"type":"ping","ref":2}'))
    assert link.until(b'"ref":2').count(b'"ref":1') == 40


def test_a_connection_goes_to_tornado_and_back(link, visitor, channel, tornado_serves):
    following = know(visitor, channel)
    for _ in range(3):
        assert types(ask(link, f"/v1/short-poll?{following}", visitor.headers)) == []
        before = len(tornado_serves)
        assert ask(link, "/v1/negotiate", visitor.headers).json["user"]["id"] == visitor.id
        assert ask(link, "/v1/none", visitor.headers).refusal()[:2] == (404, "not-found")
        assert len(tornado_serves) == before + 1, "it stays there until a poll"
        assert types(ask(link, f"/v1/long-poll?{following}&wait=0", visitor.headers)) == []
        assert types(ask(link, f"/v1/long-poll?{following}&wait=0", visitor.headers)) == []
        assert len(tornado_serves) == before + 1


def test_what_came_behind_a_poll_that_tornado_answers_is_not_lost(link, visitor, channel):
    following = know(visitor, channel)
    poll = get(f"/v1/short-poll?{following}", visitor.headers)
    link.send(get("/v1/negotiate", visitor.headers) + poll + poll + get("/v1/negotiate", visitor.headers) + poll)
    assert [read_answer(link).status for _ in range(5)] == [200] * 5


@pytest.mark.parametrize("transport", POLLS)
def test_what_is_not_plain_is_answered_all_the_same(here, visitor, channel, transport):
    following = know(visitor, channel) + "&wait=0"
    odd = [
        (get(f"/v1/{transport}?{following}", {**visitor.headers, "Connection": "close"}), True),
        (get(f"/v1/{transport}?{following}", visitor.headers, version="1.0"), True),
        (request("POST", f"/v1/{transport}", visitor.headers, form=following), False),
        (get(f"/v1/{transport}?{following}", {**visitor.headers, "Authorization": "Bearer wrong"}), False),
        (get(f"/v1/{transport}?{following}", {**visitor.headers, "Content-Length": "2"}, body=b"{}"), False),
    ]
    for number, (data, is_last) in enumerate(odd):
        link = Link(here.port)
        link.send(data)
        assert read_answer(link).status == (401 if number == 3 else 200), number
        if is_last:
            with pytest.raises(Closed):
                link.fill()
        else:
            assert ask(link, f"/v1/{transport}?{following}", visitor.headers).status == 200
        link.close()


def test_a_head_that_is_too_long_is_refused(here, visitor):
    for data in (
        get("/v1/short-poll?hello=1", {"X-Long": "x" * MAX_HEAD_BYTES}),
        get("/v1/short-poll?hello=1&_=" + "x" * MAX_HEAD_BYTES),
        get("/v1/sse?sub=a", {f"X-{number}": "x" * 100 for number in range(MAX_HEAD_BYTES // 100)}),
    ):
        link = Link(here.port)
        link.send(data)
        assert read_answer(link).refusal()[:2] == (413, "too-large")
        link.close()


def test_a_head_without_end_is_cut(link):
    link.send(b"GET /v1/sse HTTP/1.1\r\n")
    with pytest.raises((Closed, ConnectionError)):
        for _ in range(100):
            link.send(b"X: " + b"x" * 32_768 + b"\r\n")
        while True:
            link.fill()
