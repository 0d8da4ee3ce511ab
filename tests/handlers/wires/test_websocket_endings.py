"""How a WebSocket ends: with a code that says why, which the client still reads, and with nothing behind it (RFC 6455 section 7)."""

import pytest

from tests.handlers.four_wires import CLOSE, PING, PONG, WebSocketWire, frame
from tests.handlers.talking import Closed

MAX_FRAME_BYTES = 512 * 1024


@pytest.fixture
def wire(server, visitor, opened):
    wire = opened(WebSocketWire, server, headers=dict(visitor.headers))
    wire.kind("hello")
    return wire


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (frame(b"{}", masked=False), 1002),
        (frame(b"{", masked=False, fin=False), 1002),
        (frame(b"{}", reserved=4), 1002),
        (frame(b"{}", reserved=1), 1002),
        (frame(b"", 3), 1002),
        (frame(b"", 7), 1002),
        (frame(b"", 11), 1002),
        (frame(b"", PING, fin=False), 1002),
        (frame(b"x" * 126, PING), 1002),
        (frame(b"", 0), 1002),
        (frame(b"a", fin=False) + frame(b"b"), 1002),
        (frame(b"\xff"), 1007),
        (frame(b'{"a":"\xed\xa0\x80"}'), 1007),
        (frame(b"\xc3", fin=False) + frame(b"(", 0), 1007),
        (frame(b"x", CLOSE), 1002),
        (frame((999).to_bytes(2), CLOSE), 1002),
        (frame((1005).to_bytes(2), CLOSE), 1002),
        (frame((2000).to_bytes(2), CLOSE), 1002),
        (frame((1000).to_bytes(2) + b"\xff", CLOSE), 1007),
        (frame(b"", size=2**63 - 1), 1009),
        (frame(b" " * (MAX_FRAME_BYTES + 1)), 1009),
        (frame(b" " * MAX_FRAME_BYTES, fin=False) + frame(b" ", 0), 1009),
        (frame((1000).to_bytes(2), CLOSE), 1000),
        (frame((4000).to_bytes(2) + b"bye", CLOSE), 4000),
        (frame(b"", CLOSE), 1005),
    ],
)
def test_a_connection_is_closed_with_a_reason(wire, broken, code):
    wire.link.send(broken)
    assert wire.close_code() == code


def test_a_frame_that_is_too_big_gets_its_reason_while_it_is_still_being_sent(wire):
    big = frame(b" " * (4 * MAX_FRAME_BYTES))
    sent = 0
    while sent < len(big):  # a client that writes all before it reads
        sent += wire.link.socket.send(big[sent:])
    assert wire.close_code() == 1009
    with pytest.raises(Closed):
        wire.send_frame((1009).to_bytes(2), CLOSE)
        wire.link.fill()


def test_nothing_follows_a_close_frame(visitor, channel, wire):
    """RFC 6455 section 5.5.1; a peer that broke the protocol is still read from for a moment, and others publish meanwhile."""
    wire.call(type="subscribe", channel=channel)
    wire.kind("subscribed")
    wire.send_frame(b"", 3)
    assert wire.close_code() == 1002
    for number in range(3):
        visitor.publish(channel, number)
        wire.send_frame(b"", PONG)
        assert wire.link.silent(0.3), "something was said behind the close frame"
    with pytest.raises(Closed):
        wire.link.fill()


def test_the_largest_frame_is_read(wire, channel):
    command = b'{"type":"publish","ref":1,"channel":"%s","data":"ok"}' % channel.encode()
    wire.send_frame(command[:-1] + b" " * (MAX_FRAME_BYTES - len(command)) + command[-1:])
    assert wire.kind("ack", "error")["type"] == "ack"
