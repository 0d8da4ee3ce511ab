"""Everybody comes at once: all get in and get everything, or are told when to come back (protocol, sections 7 and 8)."""

import asyncio
import resource
import socket
import time

import pytest

from handlers.caller import Caller
from handlers.link import SocketLink
from tests.handlers.crowd import Crowd, Member
from tests.handlers.four_wires import WIRES, WebSocketWire
from tests.handlers.front.asking import HANDSHAKE
from tests.handlers.inside import inside
from tests.handlers.talking import Link, Visitor, ask, database_uri, eventually, read_answer, request

CLIENTS = 3000
TRANSPORTS = ["websocket", "websocket", "websocket", "sse", "long-poll"]
MESSAGES = 40
CONNECTIONS = 1.2
"""Of each client on average, for one restart: who is refused comes again, and too many of these are a storm of their own."""
ORIGIN = "https://friend.test"


@pytest.fixture(scope="module", autouse=True)
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > CLIENTS + 500, "too few files may be open here"
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_three_thousand_come_back_after_a_restart_each_with_everything(start_server, channel):
    server = start_server(hold_s=20)
    first = Visitor(server).publish_all(channel, range(MESSAGES))[0]["position"]
    epoch = first.rpartition("-")[0]
    members = [Member(TRANSPORTS[number % len(TRANSPORTS)], channel, epoch) for number in range(CLIENTS)]
    crowd = Crowd(server.port, members)
    crowd.come()
    crowd.until(lambda: all(len(member.offsets) >= MESSAGES for member in members), 30)
    server.kill()
    crowd.until(lambda: all(member.socket is None for member in members), 10)
    before = sum(member.connections for member in members)
    server.start()
    visitor = Visitor(server)
    visitor.publish_all(channel, range(MESSAGES))
    talking = Link(server.port)  # now: select() takes no descriptor beyond 1023
    crowd.come()
    crowd.until(lambda: any(len(member.offsets) > MESSAGES for member in members), 10)
    more = {"messages": [{"channel": channel, "data": number} for number in range(MESSAGES)]}
    talking.send(request("POST", "/v1/publish", visitor.headers, data=more))  # in the middle of the storm
    assert read_answer(talking).status == 200
    assert any(len(member.offsets) == MESSAGES for member in members), "the storm was over too soon"
    crowd.until(lambda: all(len(member.offsets) >= 3 * MESSAGES for member in members), 30)
    crowd.leave()
    talking.close()
    whole = list(range(1, 3 * MESSAGES + 1))
    assert [member.offsets for member in members if member.offsets != whole] == []
    connections = sum(member.connections for member in members) - before
    assert CLIENTS <= connections <= CONNECTIONS * CLIENTS


@pytest.fixture(scope="module")
def here(server):
    """A server whose loop can be looked into."""
    with inside(database_uri(server, "storms"), hold_s=2, origins=ORIGIN) as running:
        yield running


@pytest.fixture
def impatient(here):
    """It refuses whoever would have to wait for longer than so many seconds."""
    admission = here.node.admission

    def set_patience(patience_s):
        admission.patience_s = patience_s

    usual = admission.patience_s
    yield set_patience
    admission.patience_s = usual


def headers_of(transport):
    return HANDSHAKE if transport == "websocket" else {}


def answers_of(here, channel, transport, count):
    """To so many who ask while the loop is busy."""
    links = [Link(here.port) for _ in range(count)]
    here.loop.call_soon_threadsafe(lambda: time.sleep(0.3))
    for link in links:
        link.send(request("GET", f"/v1/{transport}?sub={channel}@-1", headers_of(transport)))
    answers = []
    for link in links:
        head = link.until(b"\r\n\r\n")
        link.buffer = head + b"\r\n\r\n" + link.buffer
        answers.append(read_answer(link) if head.startswith(b"HTTP/1.1 503") else None)
        assert answers[-1] is None or link.rest() == b"", "who is refused is let go of"
        link.close()
    return [answer for answer in answers if answer is not None]


@pytest.mark.parametrize("transport", [kind.transport for kind in WIRES])
def test_of_a_flood_some_are_served_and_the_others_told_when_to_come_back(here, channel, impatient, transport):
    Visitor(here).publish(channel, "first")
    ask(here, "GET", f"/v1/short-poll?sub={channel}@-1")
    impatient(0.004)  # eight of them
    refused = answers_of(here, channel, transport, 100)
    assert 0 < len(refused) < 100
    assert {answer.refusal() for answer in refused} == {(503, "overloaded", None)}
    assert {int(answer.header("retry-after")) for answer in refused} <= set(range(1, 5))
    assert not any(answer.header("set-cookie") for answer in refused)
    assert {answer.header("cache-control") for answer in refused} == {"no-store"}
    impatient(4.0)
    assert answers_of(here, channel, transport, 100) == []
    eventually(lambda: not here.node.admission._waiting)


def test_who_is_refused_costs_a_fraction_and_is_made_no_visitor(here, channel, impatient, monkeypatch):
    Visitor(here).publish(channel, "first")
    issued = []
    original = here.node.identity.issue
    monkeypatch.setattr(here.node.identity, "issue", lambda boot: issued.append(boot) or original(boot))
    ask(here, "GET", f"/v1/short-poll?sub={channel}")  # from now on the channel is known, as it is in a storm
    issued.clear()
    served = work_of_one(here, channel)
    assert served["visitors"] == len(issued) == 1
    impatient(-1)
    work_of_one(here, channel)  # the first one makes a counter
    refused = work_of_one(here, channel)
    assert len(issued) == 1 and refused["calls"] < served["calls"] / 4


def work_of_one(here, channel):
    """What a handshake costs the loop's thread: function calls, and visitors that are made."""
    from tests.handlers.test_work import calls

    data = request("GET", f"/v1/websocket?sub={channel}@-1", HANDSHAKE)

    async def count():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        front = here.node.front

        def act():
            Caller(front, SocketLink(ours, front.poller), ("127.0.0.1", 1)).received(data)
            if here.node.admission._waiting:
                here.node.admission._turn()

        seen = calls(act)
        await asyncio.sleep(0)
        theirs.close()
        return {"calls": seen.total(), "visitors": seen["issue"]}

    return here.call(count())


@pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.transport)
def test_tornado_refuses_whom_the_front_does_not_know(here, channel, kind):
    """As all are by TLS: without a turn there, a loop that is late is what they would wait for."""
    load = here.node.load
    load._last_s = load._before_s = 9.0
    try:
        for before in (b"", b"\r\n"):  # which the front doesn't understand (RFC 9112 section 2.2)
            link = Link(here.port)
            link.send(before + request("GET", f"/v1/{kind.transport}?sub={channel}", headers_of(kind.transport)))
            answer = read_answer(link)
            assert answer.refusal() == (503, "overloaded", None) and not answer.header("set-cookie")
            assert answer.header("connection") == (None if before else "close")
            link.close()
        assert ask(here, "GET", "/v1/negotiate").status == 200
        assert ask(here, "POST", "/v1/publish", data={"channel": channel, "data": 1}).status == 200
    finally:
        load._last_s = load._before_s = 0.0


def test_a_page_of_another_site_may_read_why_it_is_refused(here, channel, impatient):
    impatient(-1)
    answer = ask(here, "GET", f"/v1/short-poll?sub={channel}&hello=1", {"Origin": ORIGIN})
    assert answer.refusal() == (503, "overloaded", None)
    assert answer.header("access-control-allow-origin") == ORIGIN
    assert answer.header("access-control-expose-headers") == "Retry-After"
    answer = ask(here, "GET", f"/v1/short-poll?sub={channel}&hello=1", {"Origin": "https://stranger.test"})
    assert answer.header("access-control-allow-origin") is None and answer.header("vary") == "Origin"


def test_who_is_connected_is_served_however_many_come(here, channel, opened, impatient):
    visitor = Visitor(here)
    wire = opened(WebSocketWire, here)
    wire.kind("hello")
    polling = Link(here.port)
    polling.send(request("GET", f"/v1/short-poll?sub={channel}", visitor.headers))
    going_on = read_answer(polling).json["next"]
    polling.send(request("GET", f"/v1/short-poll?{going_on}", visitor.headers))
    assert read_answer(polling).status == 200  # from here on the front knows it
    impatient(-1)
    wire.command(type="subscribe", ref=1, channel=channel)
    wire.kind("subscribed")
    visitor.publish(channel, "in")
    assert wire.kind("message")["data"] == "in"
    polling.send(request("GET", f"/v1/short-poll?{going_on}", visitor.headers))
    assert [event["data"] for event in read_answer(polling).json["events"]] == ["in"]
    polling.close()
