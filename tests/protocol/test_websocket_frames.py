"""What goes to a client: the answer to its handshake, and frames."""

import pytest

from protocol.websocket import Close, Receiver
from protocol.websocket_frames import accept, binary_frame, check_key, close_frame, ping_frame, pong_frame, text_frame
from tests.protocol.masked import CLOSE, frame


def test_the_handshake_of_the_rfc():
    """Section 1.3."""
    assert accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        ("dGhlIHNhbXBsZSBub25jZQ==", True),
        ("AAAAAAAAAAAAAAAAAAAAAA==", True),
        ("", False),
        ("dGhlIHNhbXBsZSBub25jZQ=", False),
        ("dGhlIHNhbXBsZSBub25jZQ==\n", False),
        ("dGhlIHNhbXBsZSBub25jZ_==", False),
        ("dGhlIHNhbXBsZSBub25jZQAA", False),
        ("ééééééééééééééééééééééé==", False),
    ],
)
def test_a_key_is_sixteen_bytes_in_base64(key, is_one):
    assert check_key(key) == is_one


@pytest.mark.parametrize(
    ("size", "length"),
    [(0, "00"), (125, "7d"), (126, "7e 00 7e"), (65535, "7e ff ff"), (65536, "7f 00 00 00 00 00 01 00 00")],
)
def test_frames_are_whole_and_unmasked_and_their_length_is_short(size, length):
    payload = b"x" * size
    assert text_frame(payload) == b"\x81" + bytes.fromhex(length) + payload
    assert binary_frame(payload) == b"\x82" + bytes.fromhex(length) + payload


def test_control_frames():
    assert ping_frame() == b"\x89\x00"
    assert ping_frame(b"Hello") == bytes.fromhex("890548656c6c6f")
    assert pong_frame(b"Hello") == bytes.fromhex("8a0548656c6c6f")
    assert pong_frame(b"x" * 125) == b"\x8a\x7d" + b"x" * 125
    assert close_frame(1000) == b"\x88\x02\x03\xe8"
    assert close_frame(4999) == b"\x88\x02\x13\x87"
    with pytest.raises(ValueError, match="126 bytes"):
        pong_frame(b"x" * 126)


def test_a_close_frame_is_answered_with_its_code():
    """Section 5.5.1."""
    for sent in (b"", (1001).to_bytes(2) + b"bye"):
        receiver = Receiver(100)
        receiver.feed(frame(sent, CLOSE))
        event = receiver.next()
        assert isinstance(event, Close)
        assert close_frame(event.code) == b"\x88" + bytes([len(sent[:2])]) + sent[:2]
