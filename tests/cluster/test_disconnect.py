"""POST /v1/disconnect: over all workers, on every transport."""

import pytest

from tests.cluster.workers import Workers
from tests.handlers.four_wires import WIRES, LongPollWire, WebSocketWire, Wire
from tests.handlers.talking import BACKEND, Closed, Visitor, ask


def visitor(server: Workers) -> Visitor:
    made = Visitor(server)
    made.ask("GET", "/v1/negotiate")
    return made


def disconnect(server: Workers, **whom: str) -> int:
    answer = ask(server, "POST", "/v1/disconnect", BACKEND, data=whom)
    assert answer.status == 200, answer.body
    return answer.json["closed"]


@pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.transport)
@pytest.mark.parametrize("by", ("user", "channel"))
def test_it_is_sent_away_for_good(workers: Workers, channel: str, kind: type[Wire], by: str):
    ann, bob = visitor(workers), visitor(workers)
    for pid in workers.pids():
        wire = workers.reach(pid, kind, channel, headers=ann.headers)
        wire.subscribed()
        other = workers.reach(pid, WebSocketWire, f"{channel}2", headers=bob.headers)
        other.subscribed()
        disconnect(workers, **{by: ann.id if by == "user" else channel})
        assert wire.kind("goaway") == {"type": "goaway", "retry": 0, "reconnect": False}
        if kind is WebSocketWire:
            assert wire.close_code() == 1008
        elif wire.transport == "sse":
            with pytest.raises(Closed):
                wire.until(lambda event: False)
        assert other.quiet(0.3)
        other.close()
        wire.close()


def test_a_user_on_one_channel(workers: Workers, channel: str):
    ann, bob = visitor(workers), visitor(workers)
    meant = WebSocketWire(workers, channel, headers=ann.headers)
    elsewhere = WebSocketWire(workers, f"{channel}2", headers=ann.headers)
    another = WebSocketWire(workers, channel, headers=bob.headers)
    for wire in (meant, elsewhere, another):
        wire.subscribed()
    disconnect(workers, user=ann.id, channel=channel)
    assert meant.close_code() == 1008
    assert elsewhere.quiet(0.3) and another.quiet(0.3)
    elsewhere.close()
    another.close()


def test_who_comes_anew_is_let_in(workers: Workers, channel: str):
    ann = visitor(workers)
    first = LongPollWire(workers, channel, headers=ann.headers)
    first.subscribed()
    disconnect(workers, user=ann.id)
    first.kind("goaway")
    again = LongPollWire(workers, channel, headers=ann.headers)
    again.subscribed()
    again.close()


@pytest.mark.parametrize("body", ({}, {"user": ""}, {"channel": "nonsense"}, {"user": "x" * 300}, {"user": 1}))
def test_bad_requests(workers: Workers, body: dict):
    assert ask(workers, "POST", "/v1/disconnect", BACKEND, data=body).status == 400


def test_it_is_for_the_operator(workers: Workers):
    through_a_proxy = {"X-Forwarded-For": "203.0.113.7"}
    assert ask(workers, "POST", "/v1/disconnect", through_a_proxy, data={"channel": "chat:a"}).status == 403
