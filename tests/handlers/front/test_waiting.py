"""For how long a connection and a held poll may wait, and what ends it."""

import time

import pytest

from handlers import caller
from tests.handlers.front.asking import ask, get, held, know, types
from tests.handlers.talking import Closed, Link, eventually, read_answer


@pytest.mark.parametrize("sent", [b"", b"GET /v1/long-", b"GET /v1/sse HTTP/1.1\r\nHost: x\r\n"])
def test_who_asks_nothing_is_let_go(here, monkeypatch, sent):
    monkeypatch.setattr(caller, "IDLE_S", 0.3)
    link = Link(here.port)
    link.send(sent)
    began_s = time.monotonic()
    with pytest.raises(Closed):
        link.fill(3)
    assert time.monotonic() - began_s >= 0.25
    link.close()


def test_who_waits_is_not_let_go_and_who_goes_on_neither(here, visitor, channel, monkeypatch):
    following = know(visitor, channel)
    monkeypatch.setattr(caller, "IDLE_S", 0.3)
    link = Link(here.port)
    assert types(ask(link, f"/v1/long-poll?{following}&wait=1", visitor.headers)) == []
    for _ in range(4):
        time.sleep(0.15)
        assert types(ask(link, f"/v1/short-poll?{following}", visitor.headers)) == []
    with pytest.raises(Closed):
        link.fill(3)
    link.close()


@pytest.mark.parametrize("leave", [Link.close, Link.reset])
def test_who_leaves_a_held_poll_is_forgotten(here, visitor, channel, leave):
    following = know(visitor, channel)
    link = Link(here.port)
    link.send(get(f"/v1/long-poll?{following}", visitor.headers))
    eventually(lambda: len(held(here)) == 1)
    leave(link)
    eventually(lambda: not held(here))
    log = here.node.hub.log(channel)
    assert not log.subscriptions and not log.live


def test_a_wait_ends_with_the_signals_that_came(link, visitor, channel):
    following = know(visitor, channel)
    link.send(get(f"/v1/long-poll?{following}&wait=0.4", visitor.headers))
    began_s = time.monotonic()
    time.sleep(0.1)
    visitor.ask("POST", "/v1/publish", data={"channel": channel, "data": "hint", "signal": True})
    answer = read_answer(link)
    assert 0.35 <= time.monotonic() - began_s < 0.9
    assert [event["data"] for event in answer.json["events"]] == ["hint"]


def test_a_signal_that_waits_comes_with_the_message(link, visitor, channel):
    """Signals answer a poll once a second at most; a message that comes first takes them along."""
    following = know(visitor, channel)
    link.send(get(f"/v1/long-poll?{following}", visitor.headers))
    assert link.silent(0.1)
    visitor.ask("POST", "/v1/publish", data={"channel": channel, "data": "hint", "signal": True})
    visitor.publish(channel, "words")
    answer = read_answer(link)
    assert [event["data"] for event in answer.json["events"]] == ["words", "hint"]
    assert types(ask(link, f"/v1/long-poll?{answer.json['next']}&wait=0", visitor.headers)) == []
