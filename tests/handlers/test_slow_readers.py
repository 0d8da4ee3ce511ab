"""A client that doesn't read costs little, delays nobody, and still gets everything (protocol, section 3)."""

import contextlib
import secrets
import socket
import threading
import time

import pytest

from tests.handlers.four_wires import PING, SseWire, WebSocketWire, frame
from tests.handlers.talking import Visitor

MESSAGE = "x" * 50_000
BATCH = 50
BATCHES = 8
"""20 MB in all."""
GROWTH_BYTES = 48 * 1024 * 1024
"""What the process may take on meanwhile, with five such clients: the channel's window of 4 MB, a batch as it is parsed, stored
and answered, and what the allocator holds back."""
PROMPT_S = 2.0
ASKED = 400
"""Times 60 KB: more than the kernel's buffers hold both ways."""
ASKING_S = 4.0
ANSWERS_BYTES = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def roomy(beside):
    """A server with no other limit in the way."""
    return beside(catch_up_bytes_per_s=0, bus="memory")


def resident_bytes(server):
    with open(f"/proc/{server.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


@pytest.mark.parametrize("slow_kind", [WebSocketWire, SseWire], ids=["websocket", "sse"])
def test_a_client_that_does_not_read(roomy, opened, channel, slow_kind):
    visitor = Visitor(roomy)
    warm = f"chat:{secrets.token_hex(6)}"
    for _ in range(2):
        visitor.publish_all(warm, [MESSAGE] * BATCH)
    slow = [opened(slow_kind, roomy, channel, receive_bytes=8192) for _ in range(5)]
    prompt = opened(WebSocketWire, roomy, channel)
    for wire in [*slow, prompt]:
        wire.subscribed()
    before = resident_bytes(roomy)
    slowest_s = 0.0
    for batch in range(BATCHES):
        visitor.publish_all(channel, [MESSAGE] * BATCH)
        began_s = time.monotonic()
        received = [message["offset"] for message in prompt.take(BATCH)]
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        assert received == list(range(batch * BATCH + 1, (batch + 1) * BATCH + 1))
    grown = resident_bytes(roomy) - before
    assert grown < GROWTH_BYTES, f"{grown / 1e6:.0f} MB more"
    assert slowest_s < PROMPT_S
    for wire in slow[2:]:
        wire.link.reset()
    for wire in slow[:2]:
        assert [message["offset"] for message in wire.take(BATCHES * BATCH)] == list(range(1, BATCHES * BATCH + 1))
    visitor.publish(channel, "live again")
    for wire in slow[:2]:
        assert wire.kind("message")["data"] == "live again"
        assert [event["type"] for event in wire.events].count("subscribed") == 1


def test_signals_do_not_wait_for_who_does_not_read(roomy, opened, channel):
    visitor = Visitor(roomy)
    slow = opened(WebSocketWire, roomy, channel, receive_bytes=8192)
    slow.subscribed()
    visitor.publish_all(channel, [MESSAGE] * BATCH)
    before = resident_bytes(roomy)
    for _ in range(20):
        answer = visitor.ask("POST", "/v1/publish", data={"channel": channel, "data": MESSAGE, "signal": True})
        assert answer.status == 202
    assert resident_bytes(roomy) - before < GROWTH_BYTES
    assert [message["offset"] for message in slow.take(BATCH)] == list(range(1, BATCH + 1))


def test_a_client_that_reads_slowly_is_not_cut_off(roomy, opened, channel):
    visitor = Visitor(roomy)
    slow = opened(SseWire, roomy, channel, receive_bytes=8192, more="heartbeat=500")
    slow.subscribed()
    visitor.publish_all(channel, [MESSAGE] * BATCH)
    offsets = []
    began_s = time.monotonic()
    while len(offsets) < BATCH:
        offsets.append(slow.kind("message")["offset"])
        if time.monotonic() - began_s < 1:
            time.sleep(0.02)
    assert offsets == list(range(1, BATCH + 1))


@pytest.mark.parametrize(
    "asking",
    [frame(b'{"type":"unsubscribe","channel":"chat:x","ref":"%s"}' % (b"x" * 60_000)), frame(b"x" * 120, PING) * 500],
    ids=["commands", "pings"],
)
def test_answers_that_are_not_read_do_not_pile_up(roomy, opened, asking):
    """Nor is a client cut off for asking fast: what can't be answered yet isn't read."""

    def ask():
        with contextlib.suppress(OSError):  # the end below
            wire.link.send(asking * ASKED)

    wire = opened(WebSocketWire, roomy, receive_bytes=8192)
    wire.kind("hello")
    before = resident_bytes(roomy)
    sender = threading.Thread(target=ask)
    sender.start()
    sender.join(ASKING_S)
    grown = resident_bytes(roomy) - before
    assert sender.is_alive(), "all of it was taken although no answer was read, or the connection was cut"
    assert grown < ANSWERS_BYTES, f"{grown / 1e6:.0f} MB more"
    for _ in range(ASKED):
        wire.frame()
    wire.link.socket.shutdown(socket.SHUT_RDWR)  # which the sender feels
    sender.join()
