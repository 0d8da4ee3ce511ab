"""What goes on, what waits and what is refused while MongoDB is away: the table of docs/operating.md, line by line."""

import re
import secrets
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from store.log import BACKLOG_BYTES, DEADLINE_S
from tests.handlers.four_wires import WIRES, LongPollWire, Refused, SseWire, WebSocketWire
from tests.handlers.talking import PATIENCE_S, Link, Visitor, ask, eventually, read_answer, request
from tests.pages.plain import PlainVisitor
from tests.running import Server

REFUSED_S = DEADLINE_S + 2
"""A publish that waits is looked at once a second."""
LOCATED_S = 2.5
"""PROTOCOL section 3: what can't be confirmed within 2 s is answered by 503."""
LONG = 60_000
"""Characters of a message, so that few of them fill the buffer."""
RETRIED_S = 6 * PATIENCE_S
QUIET_SOURCES = {"store.connect", "anywire.feed"}
"""Those that say once that MongoDB is away, and once that it is back."""


@pytest.fixture(scope="module")
def server(three):
    running = Server(mongodb_uri=three.uri(), hold_s=20, heartbeat_s=0.5).start()
    yield running
    running.close()
    assert running.tracebacks() == []


class Speaker(threading.Thread):
    """Publishes one message after the other, each until it is acknowledged."""

    def __init__(self, server, channel):
        super().__init__()
        self._visitor = Visitor(server)
        self._channel = channel
        self._stopping = threading.Event()
        self.receipts = []
        self.refused = 0
        self.start()

    def run(self):
        while not self._stopping.wait(0.02):
            body = {"channel": self._channel, "data": len(self.receipts), "id": secrets.token_urlsafe(16)}
            while (answer := self._visitor.ask("POST", "/v1/publish", data=body)).status != 200:
                assert answer.refusal()[:2] == (503, "unavailable")
                self.refused += 1
            self.receipts.append(answer.json)

    def end(self):
        self._stopping.set()
        self.join(RETRIED_S)
        assert not self.is_alive()


def deposed(three, proxies):
    three.step_down()


def killed(three, proxies):
    three.kill(three.primary())


def frozen(three, proxies):
    three.freeze(three.primary())


def cut(three, proxies):
    for member in three.members:
        proxies.do(member.proxy.cut)


@pytest.mark.parametrize("fault", [deposed, killed, cut], ids=lambda fault: fault.__name__)
def test_the_next_primary_takes_over_and_nobody_is_cut_off(three, proxies, server, channel, opened, fault):
    goes_on(three, proxies, server, channel, opened, fault)


def goes_on(three, proxies, server, channel, opened, fault):
    three.whole()
    first = Visitor(server).publish(channel, "before")
    wires = [opened(kind, server, f"{channel}@{first['position']}") for kind in (WebSocketWire, SseWire, LongPollWire)]
    begins_at = len(server.output)
    speaker = Speaker(server, channel)
    try:
        eventually(lambda: len(speaker.receipts) > 5)
        before = len(speaker.receipts)
        fault(three, proxies)
        eventually(lambda: len(speaker.receipts) > before + 10, RETRIED_S)
        three.heal()
    finally:
        speaker.end()
    log = Visitor(server).history(channel, limit=1000)["messages"]
    assert [message["offset"] for message in log] == list(range(1, len(log) + 1))
    assert [(m["offset"], m["id"]) for m in log[1:]] == [(receipt["offset"], receipt["id"]) for receipt in speaker.receipts]
    for wire in wires:  # the same connections as before
        assert wire.take(len(speaker.receipts)) == log[1:]
    if fault in (deposed, cut):  # an election takes as long as the machine needs: after the others a publish may have waited too long
        assert speaker.refused == 0
    eventually(lambda: ask(server, "GET", "/readyz").status == 200)
    said = lines_of(server.output[begins_at:])
    assert max(said[source] for source in QUIET_SOURCES) <= 4, server.output[begins_at:]
    assert server.tracebacks() == []


def lines_of(output):
    """How many lines each source wrote."""
    return Counter(found[1] for line in output if (found := re.match(r"\S+ \S+ (\S+) (?:WARNING|INFO|ERROR) ", line)))


def sub_of(channel, start=""):
    return f"sub={quote(f'{channel}@{start}', safe='')}"


class TestAllGone:
    """No member answers, so nothing can be stored and nothing read that isn't in memory."""

    @pytest.fixture(scope="class")
    def begins_at(self, server):
        return len(server.output)

    @pytest.fixture(scope="class")
    def visitor(self, three, server):
        three.whole()
        return Visitor(server)

    @pytest.fixture(scope="class")
    def known(self, visitor):
        """A channel in memory, with two messages."""
        channel = f"chat:{secrets.token_hex(6)}"
        visitor.ask("GET", f"/v1/short-poll?{sub_of(channel)}")
        visitor.publish_all(channel, ["one", "two"])
        return channel

    @pytest.fixture(scope="class")
    def work(self, visitor):
        """A job and a vote that were there before."""
        job = visitor.ask("POST", "/v1/jobs", data={"title": "work"}).json
        vote = visitor.ask("POST", "/v1/votes", data={"question": "?", "choices": ["a", "b"]}).json
        return job, vote

    @pytest.fixture(scope="class")
    def room(self, server):
        """The page of a room, as it was before."""
        reader = PlainVisitor(server.url)
        return reader, reader.open("/chat/room-without-script")

    @pytest.fixture(scope="class")
    def wires(self, server, known):
        made = [kind(server, known) for kind in (WebSocketWire, SseWire, LongPollWire)]
        for wire in made:
            wire.subscribed()
        yield made
        for wire in made:
            wire.close()

    @pytest.fixture(scope="class", autouse=True)
    def gone(self, three, begins_at, visitor, known, work, room, wires):
        for member in three.members:
            three.kill(member)
        yield
        three.heal()
        three.whole()

    def test_publishing_waits_and_is_told_to_come_again_whichever_way(self, server, visitor, known, work, room):
        job, vote = work
        reader, page = room
        socket = WebSocketWire(server, headers=dict(visitor.headers))
        key = {"Authorization": f"Bearer {job['key']}"}
        message = {"channel": known, "data": 1, "id": "refused"}

        def by_websocket():
            error = socket.call(type="publish", **{**message, "channel": "chat:by-websocket"})
            return error["code"], error["retry"]

        def in_a_batch():
            error = visitor.ask("POST", "/v1/publish", data={"messages": [message]}).json["results"][0]["error"]
            return error["code"], error["retry"]

        def by_form():
            answer = reader.send(page, page.form("text"), text="said without script")
            return answer.status, answer.headers["Retry-After"]

        asked = {
            by_websocket: ("unavailable", 1000),
            in_a_batch: ("unavailable", 1000),
            by_form: (503, "1"),
            lambda: visitor.ask("POST", "/v1/publish", data={**message, "channel": "chat:other"}): None,
            lambda: visitor.ask("POST", "/v1/jobs", data={"title": "more"}): None,
            lambda: visitor.ask("PATCH", f"/v1/jobs/{job['id']}", key, data={"state": "done"}): None,
            lambda: visitor.ask("POST", "/v1/votes", data={"question": "?", "choices": ["a", "b"]}): None,
            lambda: visitor.ask("PUT", f"/v1/votes/{vote['id']}/ballot", data={"choices": [0]}): None,
            lambda: visitor.ask("POST", "/v1/run/import", data={"records": [{"a": 1}]}): None,
        }
        with ThreadPoolExecutor(len(asked)) as threads:
            began_s = time.monotonic()
            answers = list(threads.map(lambda way: way(), asked))
            assert time.monotonic() - began_s < REFUSED_S
        for answer, expected in zip(answers, asked.values(), strict=True):
            assert (answer if expected else answer.refusal()[:2]) == (expected or (503, "unavailable"))
        socket.close()

    def test_what_waits_is_bounded(self, server):
        """Beyond it the answer comes at once."""
        visitor = Visitor(server)
        batch = {"messages": [{"channel": "chat:backlog", "data": "x" * LONG} for _ in range(100)]}
        links = [Link(server.port) for _ in range(BACKLOG_BYTES // (100 * LONG) + 1)]
        for link in links:
            link.send(request("POST", "/v1/publish", visitor.headers, data=batch))
        eventually(lambda: (answer := self._one_more(visitor)) and "Too many" in answer.error["message"], DEADLINE_S)
        for link in links:
            assert {result["error"]["code"] for result in read_answer(link).json["results"]} == {"unavailable"}
            link.close()

    @staticmethod
    def _one_more(visitor):
        """The refusal of a publish, None where it waits."""
        link = Link(visitor.server.port)
        try:
            link.send(request("POST", "/v1/publish", visitor.headers, data={"channel": "chat:backlog", "data": "x" * LONG}))
            return None if link.silent(0.2) else read_answer(link)
        finally:
            link.close()

    def test_open_wires_live_on(self, wires):
        websocket, stream, poll = wires
        for wire in (websocket, stream):
            for _ in range(3):
                assert wire.event(2.0)["type"] == "ping"
        assert poll.held and poll.link.silent(0.5)
        websocket.command(type="ping")
        assert websocket.event()["type"] == "ping"

    def test_signals_go_on(self, visitor, known, wires):
        assert visitor.ask("POST", "/v1/publish", data={"channel": known, "data": "typing", "signal": True}).status == 202
        for wire in wires:
            assert wire.kind("signal")["data"] == "typing"
        wires[2].follow()

    @pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.transport)
    def test_what_is_in_memory_is_read(self, server, known, opened, kind):
        wire = opened(kind, server, f"{known}@-2")
        assert [message["data"] for message in wire.take(2)] == ["one", "two"]

    @pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.transport)
    def test_what_is_not_is_refused_within_two_seconds(self, server, channel, opened, kind):
        began_s = time.monotonic()
        try:
            error = opened(kind, server, channel).kind("error")
            assert (error["code"], error["retry"], error.get("channel", channel)) == ("unavailable", 1000, channel)
        except Refused as refused:
            assert refused.answer.refusal()[:2] == (503, "unavailable")
            assert kind.transport.endswith("poll")
        assert time.monotonic() - began_s < LOCATED_S

    def test_it_is_alive_and_not_ready(self, server):
        began_s = time.monotonic()
        assert ask(server, "GET", "/readyz").refusal()[:2] == (503, "unavailable")
        assert ask(server, "GET", "/healthz").status == 200
        assert time.monotonic() - began_s < LOCATED_S

    def test_everything_goes_on_by_itself(self, three, server, visitor, known, wires, begins_at):
        three.heal()
        body = {"channel": known, "data": "three", "id": "three"}
        answer = eventually(lambda: (a := visitor.ask("POST", "/v1/publish", data=body)).status == 200 and a, RETRIED_S)
        assert answer.json["offset"] == len(visitor.history(known)["messages"])
        for wire in wires:
            assert wire.until(lambda event: event["type"] == "message" and event["id"] == "three")["data"] == "three"
        eventually(lambda: ask(server, "GET", "/readyz").status == 200)
        visitor.ask("GET", f"/v1/short-poll?{sub_of('chat:read-again')}")
        eventually(lambda: any("MongoDB is back" in line for line in server.output[begins_at:]))
        output = server.output[begins_at:]
        for line in ("MongoDB is away", "MongoDB is back", "the log can't be read: ", "the log can't be read: over"):
            assert sum(line in each for each in output) >= 1, output
        assert all(lines_of(output)[source] <= 4 for source in QUIET_SOURCES), output
        assert server.tracebacks() == []


def test_a_frozen_primary_is_left_for_the_next_one(three, proxies, server, channel, opened):
    goes_on(three, proxies, server, channel, opened, frozen)  # the last one, since it takes long to be whole again
