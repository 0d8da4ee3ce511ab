"""Who is there, over two workers: joined and left, also for who polls, and after a kill."""

import contextlib
import json
import time

import pytest

from tests.cluster.workers import Workers
from tests.handlers.four_wires import WIRES, LongPollWire, ShortPollWire, SseWire, WebSocketWire, Wire
from tests.handlers.talking import BACKEND, Visitor, ask, eventually

STREAMS = (WebSocketWire, SseWire)


class Crowd:
    """What a page makes of the events."""

    def __init__(self, wire: Wire):
        self.wire = wire
        self.names: dict[str, str] = {}
        self.count = 0

    def until(self, *ids: str, within_s: float = 10.0) -> None:
        """Until exactly these are there."""
        deadline = time.monotonic() + within_s
        while set(self.names) != set(ids) or self.count != len(ids):
            self._take(self.wire.until(lambda event: event["type"] == "presence", deadline - time.monotonic()))

    def take(self, for_s: float) -> None:
        """What comes in that time."""
        with contextlib.suppress(TimeoutError):
            self._take(self.wire.until(lambda event: event["type"] == "presence", for_s))

    def _take(self, event: dict) -> None:
        if len(event["joined"]) == event["count"]:
            self.names.clear()  # then that is everybody
        self.names.update({user["id"]: user["name"] for user in event["joined"]})
        for user in event["left"]:
            self.names.pop(user["id"], None)
        self.count = event["count"]


def who(server: Workers, channel: str) -> dict:
    return ask(server, "GET", f"/v1/presence?channel={channel}").json


def visitor(server: Workers) -> Visitor:
    made = Visitor(server)
    made.ask("GET", "/v1/negotiate")
    return made


@pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.transport)
def test_who_comes_and_goes_is_told_over_all_workers(workers: Workers, channel: str, kind: type[Wire], opened):
    ann, bob, cid = (visitor(workers) for _ in range(3))
    watching = opened(kind, workers, channel, more="presence=1", headers=ann.headers)
    crowd = Crowd(watching)
    crowd.until(ann.id)
    streams = [workers.reach(pid, WebSocketWire, channel, headers=who.headers) for pid, who in zip(workers.pids(), (bob, cid), strict=True)]
    crowd.until(ann.id, bob.id, cid.id)
    streams[0].close()
    crowd.until(ann.id, cid.id)
    streams[1].close()
    crowd.until(ann.id)


@pytest.mark.parametrize("kind", (LongPollWire, ShortPollWire), ids=lambda kind: kind.transport)
def test_who_polls_is_there_all_the_time(workers: Workers, channel: str, kind: type[Wire], opened):
    ann, bob = visitor(workers), visitor(workers)
    crowd = Crowd(opened(WebSocketWire, workers, channel, more="presence=1", headers=ann.headers))
    polling = opened(kind, workers, channel, headers=bob.headers)
    polling.subscribed()
    deadline = time.monotonic() + 10
    while set(crowd.names) != {ann.id, bob.id}:
        assert time.monotonic() < deadline
        polling.quiet(0.2)
        crowd.take(0.2)
    told = len(crowd.wire.events)
    for _ in range(12):
        polling.quiet(0.4)
        crowd.take(0.1)
    assert [event for event in crowd.wire.events[told:] if event["type"] == "presence"] == []


def test_a_poll_is_told_what_it_missed_between_two_requests_and_held_where_it_missed_nothing(workers: Workers, channel: str):
    ann, bob = visitor(workers), visitor(workers)
    poll = LongPollWire(workers, channel, more="presence=1", headers=ann.headers)
    Crowd(poll).until(ann.id)
    poll.close()
    stream = WebSocketWire(workers, channel, headers=bob.headers)
    eventually(lambda: who(workers, channel)["count"] == 2)
    following, counts, held_s = poll.next, [], 0.0
    deadline = time.monotonic() + 10
    while counts[-1:] != [2] or held_s < 0.9:  # each request may reach the other worker, which may hear of it later
        since_s = time.monotonic()
        answer = ann.ask("GET", f"/v1/long-poll?{following}&wait=1").json
        following, events, held_s = answer["next"], answer["events"], time.monotonic() - since_s
        counts += [event["count"] for event in events if event["type"] == "presence"]
        assert bool(events) == (held_s < 0.9) or time.monotonic() < deadline
    assert time.monotonic() < deadline
    stream.close()


def test_it_is_told_only_to_who_asks(workers: Workers, channel: str, opened):
    watching, plain = (opened(WebSocketWire, workers, channel, more=more) for more in ("presence=1", "presence=0"))
    watching.kind("presence")
    plain.subscribed()
    assert plain.quiet(1.5)


def test_a_channel_that_is_added_later_is_watched_too_until_it_is_dropped(workers: Workers, channel: str, opened):
    wire = opened(WebSocketWire, workers, more="presence=1")
    wire.call(type="subscribe", channel=channel)
    assert wire.kind("presence")["channel"] == channel
    wire.call(type="unsubscribe", channel=channel)
    other = opened(WebSocketWire, workers, channel)
    other.subscribed()
    assert wire.quiet(1.5)


def test_who_is_connected_twice_is_there_once(workers: Workers, channel: str, opened):
    ann = visitor(workers)
    wires = [workers.reach(pid, WebSocketWire, channel, more="presence=1", headers=ann.headers) for pid in workers.pids()]
    Crowd(wires[0]).until(ann.id)
    wires[1].close()
    time.sleep(4)
    assert who(workers, channel) == {
        "channel": channel,
        "count": 1,
        "users": [{"id": ann.id, "name": who(workers, channel)["users"][0]["name"]}],
    }
    wires[0].close()


def test_the_backend_is_nobody(workers: Workers, channel: str, opened):
    wire = opened(WebSocketWire, workers, channel, headers=BACKEND)
    wire.subscribed()
    assert who(workers, channel)["count"] == 0


def test_who_polls_without_a_cookie_is_nobody(workers: Workers, channel: str, opened):
    poll = opened(LongPollWire, workers, channel)
    poll.subscribed()
    who(workers, channel)
    with contextlib.suppress(TimeoutError):  # held, answered, and held again
        poll.until(lambda event: False, 3)
    assert "" not in [user["id"] for user in who(workers, channel)["users"]]


def test_many_are_a_number(workers: Workers, channel: str, opened):
    watching = opened(WebSocketWire, workers, channel, more="presence=1")
    wires = [opened(WebSocketWire, workers, channel) for _ in range(60)]
    event = watching.until(lambda event: event.get("count") == 61)
    assert event["joined"] == [] and len(json.dumps(event)) < 200
    assert len(who(workers, channel)["users"]) == 61
    for wire in wires:
        wire.close()


def test_counts_are_right_after_a_kill(channel: str):
    server = Workers(workers=2, heartbeat_s=1).start()
    try:
        ann, bob = visitor(server), visitor(server)
        pids = server.pids()
        crowd = Crowd(server.reach(pids[0], WebSocketWire, channel, more="presence=1", headers=ann.headers))
        other = server.reach(pids[1], WebSocketWire, channel, headers=bob.headers)
        crowd.until(ann.id, bob.id)
        server.kill_worker(pids[1])
        crowd.until(ann.id, within_s=5)
        other.close()
    finally:
        server.close()


@pytest.mark.parametrize("asked", ("", "channel=", "channel=nobody", "channel=room:secret"))
def test_what_cannot_be_looked_at_is_refused(workers: Workers, asked: str):
    assert ask(workers, "GET", f"/v1/presence?{asked}").status in (400, 403)
