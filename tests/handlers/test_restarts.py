"""What a restart, a drain and a trim mean to clients (protocol, sections 3, 4, 6 and 10)."""

import asyncio
import signal
import threading

import pytest

from protocol.hub import Hub
from store.connect import connect
from store.log import Log
from store.reader import Reader
from store.retention import Retention
from store.writer import Writer
from tests.handlers.four_wires import WIRES, LongPollWire, SseWire, WebSocketWire
from tests.handlers.talking import Closed, Link, Visitor, database_uri, eventually, open_connections, read_answer, request
from tests.running import Server


@pytest.fixture(scope="module")
def shared():
    running = Server(drain_s=2).start()
    yield running
    running.close()
    assert running.tracebacks() == []


@pytest.fixture
def server(shared):
    """One server for all tests here, started again by whoever finds it stopped."""
    if shared.process.poll() is not None:
        shared.start()
    return shared


def test_ids_and_positions_outlive_the_process(server, channel, opened):
    visitor = Visitor(server)
    first = visitor.publish(channel, "before", id="once")
    wires = [opened(kind, server, channel) for kind in WIRES]
    for wire in wires:
        wire.subscribed()
    server.kill()
    server.start()
    again = visitor.publish(channel, "before", id="once")
    assert again == {**first, "duplicate": True}
    answer = visitor.ask("POST", "/v1/publish", data={"channel": channel, "data": "other", "id": "once"})
    assert answer.refusal() == (409, "id-reused", "id")
    assert visitor.publish(channel, "after")["offset"] == 2
    assert visitor.ask("GET", "/v1/negotiate").json["user"]["id"] == visitor.id
    for kind in WIRES:
        wire = opened(kind, server, f"{channel}@{first['position']}")
        assert wire.kind("message")["data"] == "after"
        assert all(event["recovered"] for event in wire.events if event["type"] == "subscribed")


def test_a_drain_sends_everybody_away_with_a_reason(server, channel, opened):
    visitor = Visitor(server)
    wires = [opened(kind, server, channel) for kind in (WebSocketWire, SseWire, LongPollWire)]
    for wire in wires:
        wire.subscribed()
    eventually(lambda: open_connections(server)["long-poll"])
    kept = [Link(server.port) for _ in range(8)]
    for link in kept:
        link.send(request("GET", "/healthz"))
        assert read_answer(link).status == 200
    server.process.send_signal(signal.SIGTERM)
    for wire in wires:
        goaway = wire.kind("goaway")
        assert goaway["reconnect"] is True and 0 <= goaway["retry"] <= 2000
    targets = ["/readyz", *(f"/v1/{kind.transport}?sub={channel}" for kind in WIRES)]
    for link, target in zip(kept, targets, strict=False):
        link.send(request("GET", target, visitor.headers))
        assert read_answer(link).refusal()[:2] == (503, "draining")
    kept[-1].send(request("POST", "/v1/publish", visitor.headers, data={"channel": channel, "data": 1}))
    assert read_answer(kept[-1]).refusal()[:2] == (503, "draining")
    assert wires[0].close_code() == 1012
    wires[0].close()
    assert server.process.wait(20) == 0


def test_a_drain_waits_for_what_was_taken(server, channel, opened):
    visitor = Visitor(server)
    wire = opened(WebSocketWire, server)
    wire.kind("hello")
    for number in range(300):
        wire.command(type="publish", ref=number, channel=channel, id=f"taken-{number}", data=number)
    wire.kind("ack")
    server.process.send_signal(signal.SIGTERM)
    acknowledged = []
    try:
        while True:
            event = wire.event()
            if event["type"] == "ack":
                acknowledged.append(event["offset"])
    except Closed:
        assert wire.closed_with == 1012
    wire.close()
    assert server.process.wait(20) == 0
    server.start()
    stored = {message["offset"] for message in visitor.history(channel, limit=1000)["messages"]}
    assert set(acknowledged) <= stored == set(range(1, len(stored) + 1))


def test_what_was_trimmed_is_announced_and_the_rest_delivered(server, channel, opened):
    visitor = Visitor(server)
    for begin in range(0, 30, 10):
        receipts = visitor.publish_all(channel, range(begin + 1, begin + 11))
    epoch = receipts[0]["position"].split("-")[0]
    server.kill()  # so that no window in memory still has what is trimmed
    server.start()
    uri = database_uri(server, "anywire")
    floor = keep_the_newest(uri, channel, epoch, 15)
    assert 0 < floor <= 15
    for kind in WIRES:
        for start in (f"{epoch}-{floor - 1}", f"{epoch}-0", "zzzz-25"):
            wire = opened(kind, server, f"{channel}@{start}")
            expected = {"type": "subscribed", "channel": channel, "position": f"{epoch}-{floor}", "recovered": False}
            assert wire.kind("subscribed") == expected
            assert [message["offset"] for message in wire.take(30 - floor)] == list(range(floor + 1, 31))
        for start in ("0", "-1000", f"{epoch}-{floor}"):
            wire = opened(kind, server, f"{channel}@{start}")
            assert [message["offset"] for message in wire.take(30 - floor)] == list(range(floor + 1, 31))
            assert all(event["recovered"] for event in wire.events if event["type"] == "subscribed")
    page = visitor.history(channel, limit=1000)
    assert page["more"] is False and page["messages"][0]["offset"] == floor + 1


def keep_the_newest(uri, channel, epoch, keep):
    """Trims *channel* as the server would once its messages are old enough; the highest offset that is gone."""

    async def trim():
        connection = await connect(uri=uri, data=None)
        loop = asyncio.get_running_loop()
        reader = Reader(connection.database, epoch)
        log = Log(Writer(connection.database, reader, Hub(epoch, lambda _: None, loop.time, loop.call_later), b"tester"))
        retention = Retention(connection.database, reader, log, keep_messages=keep, keep_days=30, minimum_age_s=0)
        gone = await retention.trim(channel)
        await connection.close()
        return gone

    found = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(trim())))
    thread.start()
    thread.join()
    return found[0]
