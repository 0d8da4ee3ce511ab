"""What one address or one user may take (protocol, sections 5 and 10)."""

import pytest

from tests.handlers.four_wires import Refused, SseWire
from tests.handlers.talking import Answer, Visitor, eventually, open_connections


@pytest.fixture(scope="module")
def strict(beside):
    """A server with tight limits."""
    return beside(connections_per_address=3, catch_up_bytes_per_s=100_000)


def test_an_address_has_so_many_connections(strict, channel, opened, kind):
    eventually(lambda: not any(open_connections(strict).values()))
    wires = [opened(SseWire, strict, channel) for _ in range(3)]
    for wire in wires:
        wire.subscribed()
    with pytest.raises(Refused) as refused:
        opened(kind, strict, channel).event()
    assert refused.value.answer.refusal()[:2] == (429, "too-many-connections")
    elsewhere = opened(kind, strict, channel, headers={"X-Forwarded-For": "192.0.2.7"})
    assert elsewhere.event()["type"] == "hello"
    wires[0].close()
    eventually(lambda: open_connections(strict)["sse"] <= 3)
    assert opened(kind, strict, channel, headers={"X-Forwarded-For": "192.0.2.8"}).event()["type"] == "hello"
    for wire in wires[1:]:
        wire.close()


def test_reading_what_was_has_a_budget(strict, channel):
    """Of its user and, eight times as much, of its address, so that new cookies don't help."""
    visitor = Visitor(strict, {"X-Forwarded-For": "198.51.100.1"})
    visitor.publish_all(channel, ["x" * 20_000] * 50)
    assert visitor.ask("GET", f"/v1/history?channel={channel}&limit=1000").status == 200

    def read_on(reader: Visitor) -> Answer:
        for _ in range(5):  # a megabyte is spent at once, and 100 kB come back a second
            answer = reader.ask("GET", f"/v1/history?channel={channel}&limit=1000")
            if answer.status != 200:
                break
        return answer

    answer = read_on(visitor)
    assert answer.refusal()[:2] == (429, "rate-limited") and int(answer.header("retry-after")) >= 1
    for _ in range(9):
        read_on(Visitor(strict, {"X-Forwarded-For": "198.51.100.1"}))
    assert Visitor(strict, {"X-Forwarded-For": "198.51.100.1"}).ask("GET", f"/v1/history?channel={channel}").status == 429
    assert visitor.ask("GET", f"/v1/history?channel={channel}", {"X-Forwarded-For": "198.51.100.2"}).status == 429
    assert Visitor(strict, {"X-Forwarded-For": "198.51.100.2"}).ask("GET", f"/v1/history?channel={channel}").status == 200
    assert visitor.publish(channel, "not a read")["offset"] == 51
