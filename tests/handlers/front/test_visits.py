"""Nobody is answered as who asked before him on the same connection, nor where he may not ask at all."""

import pytest

from tests.handlers.four_wires import query_of
from tests.handlers.front.asking import HANDSHAKE, POLLS, ask, get, know, types, user_of
from tests.handlers.inside import inside
from tests.handlers.talking import Link, Visitor, database_uri, eventually, read_answer


@pytest.mark.parametrize("transport", POLLS)
def test_another_cookie_on_the_same_connection_is_another_user(here, link, channel, transport):
    """As a proxy has many visitors on one connection."""
    one, other = Visitor(here), Visitor(here)
    following = know(one, channel)
    for visitor in (one, one, other, one, other):
        assert user_of(ask(link, f"/v1/{transport}?{following}&hello=1", visitor.headers)) == visitor.id
        assert types(ask(link, f"/v1/short-poll?{following}", visitor.headers)) == []


def test_what_only_one_may_read_is_not_read_by_the_next_on_the_connection(here, link):
    one, other = Visitor(here), Visitor(here)
    mine = f"user:{one.id}"
    query = query_of((mine,))
    first = ask(link, f"/v1/short-poll?{query}", one.headers)
    assert types(first) == ["hello", "subscribed"]
    following = first.json["next"]
    assert types(ask(link, f"/v1/short-poll?{following}", one.headers)) == []
    refused = ask(link, f"/v1/short-poll?{following}", other.headers)
    assert [event.get("code") for event in refused.json["events"]] == [None, "forbidden"] and user_of(refused) == other.id
    assert types(ask(link, f"/v1/short-poll?{following}", one.headers)) == []
    nobody = ask(link, f"/v1/short-poll?{following}")
    assert [event.get("code") for event in nobody.json["events"]] == [None, "forbidden"]


def test_who_has_no_cookie_is_somebody_new_each_time_he_asks_who_he_is(link, visitor, channel):
    following = know(visitor, channel)
    users = set()
    for _ in range(3):
        answer = ask(link, f"/v1/short-poll?{following}&hello=1")
        assert answer.header("set-cookie").startswith("anywire_id=")
        users.add(user_of(answer))
        assert types(ask(link, f"/v1/short-poll?{following}")) == []
    assert len(users) == 3


def test_who_asks_from_elsewhere_is_seen_anew(here, link, visitor, channel):
    following = know(visitor, channel)

    def network(address):
        headers = {**visitor.headers, "X-Forwarded-For": address}
        [hello] = ask(link, f"/v1/short-poll?{following}&hello=1", headers).json["events"]
        assert types(ask(link, f"/v1/short-poll?{following}", headers)) == []
        return hello["network"]

    assert network("198.51.100.1") != network("203.0.113.1")
    assert network("198.51.100.1") == network("198.51.100.2")


def test_a_page_of_another_site_is_refused_on_any_connection(link, visitor, channel):
    following = know(visitor, channel)
    assert ask(link, f"/v1/short-poll?{following}", visitor.headers).status == 200
    answer = ask(link, f"/v1/short-poll?{following}", {**visitor.headers, "Origin": "https://evil.example"})
    assert answer.refusal()[:2] == (403, "bad-origin")
    assert ask(link, f"/v1/short-poll?{following}", visitor.headers).status == 200


def test_a_cursor_counts_for_its_request_alone(link, visitor, channel):
    first, second = visitor.publish_all(channel, [1, 2])
    cursor = {**visitor.headers, "Last-Event-ID": f"{channel}@{first['position']}"}
    for _ in range(2):
        events = ask(link, f"/v1/short-poll?{query_of((channel,))}", cursor).json["events"]
        assert [event["data"] for event in events if event["type"] == "message"] == [2]
    older, newer = (f"{channel}@{one['position']}" for one in (first, second))
    for _ in range(2):
        answer = ask(link, f"/v1/short-poll?{query_of((older,))}", {**visitor.headers, "Last-Event-ID": newer})
        assert types(answer) == [], "what it has by its cursor"
    behind = query_of((f"{channel}@{second['position']}",))
    answer = ask(link, f"/v1/short-poll?{behind}", visitor.headers)
    assert types(answer) == []


def test_who_still_comes_while_it_stops_is_sent_away(here, link, visitor, channel):
    following = know(visitor, channel)
    assert ask(link, f"/v1/short-poll?{following}", visitor.headers).status == 200
    here.node.draining = True
    try:
        again = ask(link, f"/v1/short-poll?{following}", visitor.headers)
        assert again.refusal()[:2] == (503, "draining") and again.header("retry-after")
        for transport in ("websocket", "sse", "long-poll", "short-poll"):
            fresh = Link(here.port)
            answer = ask(fresh, f"/v1/{transport}?{following}", {**visitor.headers, **(HANDSHAKE if transport == "websocket" else {})})
            assert answer.refusal()[:2] == (503, "draining")
            fresh.close()
    finally:
        here.node.draining = False
    assert ask(link, f"/v1/short-poll?{following}", visitor.headers).status == 200


def test_a_transport_that_is_switched_off_is_so_for_who_uses_another(server, channel):
    with inside(database_uri(server, "front"), transports=("long-poll",)) as other:
        visitor = Visitor(other)
        following = know(visitor, channel, "long-poll")
        link = Link(other.port)
        assert ask(link, f"/v1/long-poll?{following}&wait=0", visitor.headers).status == 200
        assert ask(link, f"/v1/short-poll?{following}", visitor.headers).refusal()[:2] == (404, "transport-disabled")
        link.close()


def test_an_address_has_as_many_connections_as_it_may(server, channel):
    with inside(database_uri(server, "front"), connections_per_address=2) as other:
        visitor = Visitor(other)
        following = know(visitor, channel)
        links = [Link(other.port) for _ in range(3)]
        for link in links[:2]:
            assert ask(link, f"/v1/long-poll?{following}&wait=0", visitor.headers).status == 200
            link.send(get(f"/v1/long-poll?{following}", visitor.headers))
        eventually(lambda: len(other.node.connections) == 2)
        assert ask(links[2], f"/v1/long-poll?{following}", visitor.headers).refusal()[:2] == (429, "too-many-connections")
        visitor.publish(channel, 1)
        assert [types(read_answer(link)) for link in links[:2]] == [["message"]] * 2
        assert ask(links[2], f"/v1/long-poll?{following}", visitor.headers).status == 200
        for link in links:
            link.close()
