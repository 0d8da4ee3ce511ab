"""Compressed messages (RFC 7692), each by itself."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.deflate import deflate, inflate, max_deflated_bytes, offer
from protocol.websocket import Binary, Fault, Ping, Text
from protocol.websocket_frames import deflated_frame, text_frame
from tests.protocol.masked import BINARY, CONTINUATION, PING, events_of, frame
from tests.protocol.repeatable import examples

ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("permessage-deflate", ANSWER),
        ("permessage-deflate; client_max_window_bits", ANSWER),
        ("permessage-deflate;client_max_window_bits=8;server_no_context_takeover ; client_no_context_takeover", ANSWER),
        ('permessage-deflate; client_max_window_bits="15"', ANSWER),
        ("permessage-deflate; server_max_window_bits=10", ANSWER + "; server_max_window_bits=10"),
        ('permessage-deflate; server_max_window_bits = "8"', ANSWER + "; server_max_window_bits=8"),
        ("x-webkit-deflate-frame, permessage-deflate; client_max_window_bits", ANSWER),
        (
            "permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=9, permessage-deflate",
            ANSWER + "; server_max_window_bits=9",
        ),
        ("permessage-deflate; unknown, permessage-deflate", ANSWER),
    ],
)
def test_offers_that_are_met(header, answer):
    assert offer(header) == answer


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "permessage-bzip2",
        "PerMessage-Deflate-2",
        "permessage-deflate; unknown",
        "permessage-deflate;",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; client_max_window_bits=",
        *(
            f"permessage-deflate; {side}_max_window_bits={value}"
            for side in ("server", "client")
            for value in ("7", "16", "08", "+9", "x", '""')
        ),
        'permessage-deflate; server_max_window_bits="9',
        "permessage-deflate; server_max_window_bits=٩",
    ],
)
def test_offers_that_are_not(header):
    assert offer(header) is None


@examples(300)
@given(st.text() | st.lists(st.sampled_from(["permessage-deflate", ";", ",", "=", '"', "server_max_window_bits", "9", " "])).map("".join))
def test_any_offer_has_an_answer_or_none(header):
    answer = offer(header)
    assert answer is None or answer.startswith(ANSWER)


def far_apart(size: int) -> bytes:
    """Something that is worth a reference from its end to its beginning."""
    return bytes(range(200)) + b"\x00" * (size - 400) + bytes(range(200))


def unpacked(payload: bytes, bits: int) -> bytes:
    """By a client with a window of 2^*bits*, in small steps: with all of it before its eyes zlib would need no window."""
    client = zlib.decompressobj(-bits)
    data, found = deflate(payload) + b"\x00\x00\xff\xff", b""
    while data:
        found += client.decompress(data, 64)
        data = client.unconsumed_tail
    return found


def test_a_client_with_a_full_window_gets_everything_compressed():
    for answer in (ANSWER, offer("permessage-deflate; server_max_window_bits=15")):
        assert max_deflated_bytes(answer) > 1 << 40
    for size in (32768, 32769, 40_000, 66_000):
        assert unpacked(far_apart(size), 15) == far_apart(size)


def test_a_client_with_a_small_window_gets_short_messages_compressed():
    """Section 7.1.2.1. Longer ones could refer to something that has left its window."""
    for bits in range(9, 15):  # zlib itself unpacks with no smaller window than 2^9
        size = max_deflated_bytes(offer(f"permessage-deflate; server_max_window_bits={bits}"))
        assert size == 2**bits
        assert unpacked(far_apart(size), bits) == far_apart(size)
    with pytest.raises(zlib.error):
        unpacked(far_apart(2000), 9)
    assert max_deflated_bytes(offer("permessage-deflate; server_max_window_bits=8")) == 256


@examples(300)
@given(st.binary(max_size=3000) | st.builds(lambda part, times: part * times, st.binary(max_size=30), st.integers(0, 4000)))
def test_what_is_deflated_can_be_inflated(payload):
    assert inflate(deflate(payload), len(payload)) == payload
    assert inflate(deflate(payload), len(payload) + 1) == payload
    if payload:
        assert inflate(deflate(payload), len(payload) - 1) is None


@examples(300)
@given(st.binary(max_size=100) | st.tuples(st.sampled_from([b"", deflate(b"x" * 500)]), st.binary(max_size=20)).map(b"".join))
def test_any_bytes_are_inflated_or_refused(data):
    try:
        inflated = inflate(data, 1000)
    except ValueError:
        return
    assert inflated is None or len(inflated) <= 1000


def test_a_compressed_frame_is_never_longer_than_a_plain_one():
    payload = b'{"type":"message","data":"abc abc abc abc abc abc abc"}'
    compressed = deflated_frame(payload)
    assert compressed[0] == 0xC1 and compressed[1] == len(compressed) - 2
    assert inflate(compressed[2:], 1000) == payload
    assert len(compressed) < len(text_frame(payload))
    assert deflated_frame(b"{}") == text_frame(b"{}")
    assert deflated_frame(b"") == text_frame(b"")


def received(*pieces: bytes, max_bytes: int = 100_000) -> list:
    return events_of(pieces, max_bytes, deflate=True)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("f248cdc9c90700", "Hello"),  # section 7.2.3.1, one block
        ("000500faff48656c6c6f00", "Hello"),  # 7.2.3.3, without compression
        ("f348cdc9c9070000", "Hello"),  # 7.2.3.4, a last block and the byte that it needs
        ("f24805000000ffffcac9c90700", "Hello"),  # 7.2.3.5, two blocks
        ("00", ""),  # 7.2.3.6
    ],
)
def test_the_examples_of_the_rfc(data, text):
    assert received(frame(bytes.fromhex(data), reserved=4)) == [Text(text)]


def test_only_the_first_frame_of_a_message_says_that_it_is_compressed():
    """Section 6.1."""
    data = deflate(b"abc" * 100)
    first, last = data[:3], data[3:]
    pieces = [frame(first, BINARY, fin=False, reserved=4), frame(b"1", PING), frame(last, CONTINUATION)]
    assert received(*pieces, frame(b"plain"), frame(data, reserved=4)) == [
        *(Ping(b"1"), Binary(b"abc" * 100), Text("plain"), Text("abc" * 100))
    ]
    assert received(pieces[0], frame(last, CONTINUATION, reserved=4))[-1].code == 1002
    assert received(frame(b"", PING, reserved=4))[-1].code == 1002
    assert received(frame(data, reserved=6))[-1].code == 1002
    assert events_of([frame(data, reserved=4)])[-1].code == 1002


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff" * 10, id="not DEFLATE"),
        pytest.param(b"", id="nothing at all"),
        pytest.param(deflate(b"some text that is cut off")[:-4], id="cut off"),
        pytest.param(deflate(b"\xff\xfe"), id="not text"),
        pytest.param(bytes.fromhex("f348cdc9c90700"), id="a last block without the byte that it needs"),
        pytest.param(bytes.fromhex("f348cdc9c9070000f248cdc9c90700"), id="something behind a last block"),
    ],
)
def test_what_does_not_unpack_to_text(data):
    (fault,) = received(frame(data, reserved=4))
    assert isinstance(fault, Fault) and fault.code == 1007


def test_a_bomb_is_not_unpacked():
    bomb = deflate(b"x" * 50_000_000)
    assert len(bomb) < 60_000
    tracemalloc.start()
    (fault,) = received(frame(bomb, reserved=4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fault.code == 1009
    assert peak < 2_000_000
    assert received(frame(deflate(b"x" * 1000), reserved=4), max_bytes=1000) == [Text("x" * 1000)]
    assert received(frame(deflate(b"x" * 1001), reserved=4), max_bytes=1000)[0].code == 1009
    assert received(frame(b"x" * 101, reserved=4)[:8], max_bytes=100)[0].code == 1009


@examples(100)
@given(st.lists(st.text(max_size=300), max_size=4), st.integers(1, 50))
def test_compressed_messages_split_anywhere(texts, size):
    sent = b"".join(frame(deflate(text.encode()), reserved=4) for text in texts)
    assert received(*(sent[at : at + size] for at in range(0, len(sent), size))) == [Text(text) for text in texts]
