"""A connection on which one poll follows the other, as a client's or as a proxy's that sends the requests of many."""

import re

import pytest

from tests.handlers.talking import Link, Visitor, read_answer, request


@pytest.fixture
def polling(server, channel):
    """A connection whose last poll was answered, and what to ask for next."""
    link = Link(server.port)
    link.send(request("GET", f"/v1/long-poll?sub={channel}"))
    answer = read_answer(link)
    return link, answer


def test_who_has_no_cookie_is_nobody_by_the_second_request(server, polling):
    """Else the next one without a cookie could read what is for the one before."""
    link, answer = polling
    link.send(request("GET", f"/v1/long-poll?{answer.json['next']}&wait=0"))
    assert read_answer(link).json["events"] == []
    mine = answer.json["events"][0]["user"]["id"]
    link.send(request("GET", f"/v1/long-poll?sub=user:{mine}&wait=0"))
    events = read_answer(link).json["events"]
    assert [event.get("code") for event in events if event["type"] != "hello"] == ["forbidden"]
    assert events[0]["user"]["id"] != mine


def test_who_has_to_be_told_who_he_is_gets_an_identity_of_his_own(polling):
    link, answer = polling
    seen = {answer.json["events"][0]["user"]["id"]}
    for _ in range(3):
        link.send(request("GET", f"/v1/long-poll?{answer.json['next']}&hello=1"))
        found = read_answer(link)
        assert re.match(r'anywire_id="', found.headers["set-cookie"][0])
        seen.add(found.json["events"][0]["user"]["id"])
    assert len(seen) == 4


def test_another_cookie_is_another_visitor(server, channel):
    ann, ben = Visitor(server), Visitor(server)
    for visitor in (ann, ben):
        visitor.publish(channel, "here")
    link = Link(server.port)
    told = []
    for visitor in (ann, ann, ben, ann):
        link.send(request("GET", f"/v1/long-poll?sub={channel}&hello=1", visitor.headers))
        told.append(read_answer(link).json["events"][0]["user"]["id"])
    assert told == [told[0], told[0], told[2], told[0]]
    assert told[0] != told[2]


def test_a_transport_that_is_left_out_is_so_for_who_polled_before(beside, channel):
    server = beside(transports="websocket,sse,long-poll")
    link = Link(server.port)
    link.send(request("GET", f"/v1/long-poll?sub={channel}"))
    following = read_answer(link).json["next"]
    for _ in range(2):
        link.send(request("GET", f"/v1/long-poll?{following}&wait=0"))
        assert read_answer(link).status == 200
    link.send(request("GET", f"/v1/short-poll?{following}"))
    assert read_answer(link).status == 404
