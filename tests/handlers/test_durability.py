"""Nobody is told of a message before a majority has it (protocol, section 6), shown on a real replica set that is held up."""

import json
import threading

import pytest

from tests.handlers.four_wires import WIRES, WebSocketWire
from tests.handlers.replica_pair import ReplicaPair
from tests.handlers.talking import Link, Visitor, eventually, open_connections, read_answer, request

WITHOUT_MAJORITY_S = 1.5
"""Long beside the milliseconds that a commit takes, short beside the 5 s after which a publish is told to come again."""


@pytest.fixture(scope="module")
def pair():
    running = ReplicaPair()
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture(params=["", "memory"], ids=["change stream", "one process"])
def server(request, pair, start_server):
    return start_server(mongodb_uri=pair.uri, bus=request.param, hold_s=20)


def test_nothing_is_delivered_or_acknowledged_before_the_majority_has_it(pair, server, channel, opened):
    visitor = Visitor(server)
    first = visitor.publish(channel, "before")
    wires = [opened(kind, server, f"{channel}@{first['position']}") for kind in WIRES]
    for wire in wires[:2]:
        wire.kind("subscribed")
    publisher = opened(WebSocketWire, server, headers=dict(visitor.headers))
    publisher.kind("hello")
    eventually(lambda: open_connections(server)["long-poll"] == 1)
    pair.hold()
    try:
        publisher.command(type="publish", ref=1, channel=channel, id="by-websocket", data="held up")
        over_http = Link(server.port)
        body = json.dumps({"channel": channel, "data": "held up too", "id": "by-http"}).encode()
        over_http.send(request("POST", "/v1/publish", {"Content-Type": "application/json", **visitor.headers}, body=body))
        silent = {}

        def listen(wire):
            silent[wire] = wire.quiet(WITHOUT_MAJORITY_S)

        listeners = [threading.Thread(target=listen, args=(wire,)) for wire in [*wires, publisher]]
        for listener in listeners:
            listener.start()
        assert over_http.silent(WITHOUT_MAJORITY_S)
        for listener in listeners:
            listener.join()
        assert all(silent.values()), [wire.events for wire in silent]
        assert [message["data"] for message in visitor.history(channel)["messages"]] == ["before"]
        late = opened(WIRES[3], server, f"{channel}@{first['position']}")
        assert late.quiet()
    finally:
        pair.release()
    ack = publisher.kind("ack", "error")
    assert (ack["type"], ack["duplicate"]) == ("ack", False)
    receipt = read_answer(over_http).json
    assert receipt["duplicate"] is False
    expected = sorted([(ack["offset"], "held up"), (receipt["offset"], "held up too")])
    assert [offset for offset, _ in expected] == [2, 3]
    for wire in wires:
        assert [(message["offset"], message["data"]) for message in wire.take(2)] == expected
        assert wire.quiet()
    assert [message["data"] for message in visitor.history(channel)["messages"]] == ["before", *(data for _, data in expected)]
    assert visitor.publish(channel, "held up", id="by-websocket") == {
        **{name: value for name, value in ack.items() if name not in ("type", "ref")},
        "duplicate": True,
    }
    assert server.tracebacks() == []
