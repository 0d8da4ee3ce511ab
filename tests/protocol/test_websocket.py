"""What a client's bytes mean, whatever they are and however they were split (RFC 6455)."""

import gc
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.websocket import Binary, Close, Fault, Ping, Pong, Receiver, Text
from tests.protocol.masked import BINARY, CLOSE, CONTINUATION, MASK, PING, PONG, TEXT, events_of, frame, header, masked
from tests.protocol.repeatable import examples


def codes(pieces: list[bytes], max_bytes: int = 100_000) -> list[object]:
    """Events, with the code alone of a fault."""
    return [event.code if isinstance(event, Fault) else event for event in events_of(pieces, max_bytes)]


def test_the_masked_examples_of_the_rfc():
    """Section 5.7."""
    assert events_of([bytes.fromhex("818537fa213d7f9f4d5158")]) == [Text("Hello")]
    assert events_of([bytes.fromhex("8a8537fa213d7f9f4d5158")]) == [Pong(b"Hello")]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 125, 126, 127, 65535, 65536, 70000])
def test_messages_of_any_length(size):
    text = "aé€😀"[:size] if size < 5 else "é" + "x" * (size - 2)
    assert events_of([frame(text.encode())]) == [Text(text)]
    assert events_of([frame(bytes(range(256)) * (size // 256) + bytes(size % 256), BINARY)]) == [
        Binary(bytes(range(256)) * (size // 256) + bytes(size % 256))
    ]


def test_a_fragmented_message_with_control_frames_between():
    pieces = [
        *(frame(b"a\xc3", fin=False), frame(b"1", PING), frame(b"\xa9", CONTINUATION, fin=False), frame(b"2", PONG)),
        *(frame(b"", CONTINUATION, fin=False), frame(b"z", CONTINUATION), frame(b"next")),
    ]
    assert events_of([b"".join(pieces)]) == [Ping(b"1"), Pong(b"2"), Text("aéz"), Text("next")]
    assert events_of([frame(b"\xff", BINARY, fin=False), frame(b"\xfe", CONTINUATION)]) == [Binary(b"\xff\xfe")]


PROTOCOL_ERRORS = {
    "no mask": frame(b"{}", mask=None),
    "no mask, control": frame(b"", PING, mask=None),
    "RSV1": frame(b"{}", reserved=4),
    "RSV2": frame(b"{}", reserved=2),
    "RSV3": frame(b"{}", reserved=1),
    "RSV of a control frame": frame(b"", PING, reserved=4),
    **{f"opcode {opcode}": frame(b"", opcode) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "fragmented ping": frame(b"", PING, fin=False),
    "fragmented close": frame(b"", CLOSE, fin=False),
    "long ping": frame(b"x" * 126, PING),
    "long close": frame((1000).to_bytes(2) + b"x" * 124, CLOSE),
    "continuation of nothing": frame(b"x", CONTINUATION),
    "last continuation of nothing": frame(b"x", CONTINUATION, fin=False),
    "message within another": frame(b"a", fin=False) + frame(b"b"),
    "fragmented message within another": frame(b"a", fin=False) + frame(b"b", BINARY, fin=False),
    "2 bytes for a length of 125": header(0x81, 125, form=126) + masked(b"x" * 125),
    "8 bytes for a length of 65535": header(0x81, 65535, form=127) + masked(b"x" * 65535),
    "a negative length": header(0x81, 1 << 63, form=127),
    "half a close code": frame(b"\x03", CLOSE),
}


@pytest.mark.parametrize("sent", PROTOCOL_ERRORS.values(), ids=PROTOCOL_ERRORS)
def test_what_breaks_the_protocol(sent):
    assert codes([frame(b"before"), sent, frame(b"after")]) == [Text("before"), 1002]


def test_the_first_two_bytes_are_enough_for_a_fault():
    for sent in (frame(b"{}", mask=None), frame(b"", 3), frame(b"x" * 126, PING), frame(b"x", CONTINUATION)):
        assert codes([sent[:1], sent[1:2]]) == [1002]


SENDABLE = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, *range(3000, 5000)}


def test_close_codes():
    """Section 7.4, and what IANA has registered since."""
    for code in range(65536):
        assert codes([frame(code.to_bytes(2), CLOSE)]) == [Close(code) if code in SENDABLE else 1002]


def test_a_close_frame_and_its_reason():
    assert events_of([frame(b"", CLOSE)]) == [Close(1005)]
    assert events_of([frame((1000).to_bytes(2) + "é".encode() * 61, CLOSE)]) == [Close(1000)]
    assert codes([frame((1000).to_bytes(2) + b"\xc3", CLOSE)]) == [1007]


def test_nothing_is_read_after_the_end():
    for end in (frame(b"", CLOSE), frame(b"\xff")):
        receiver = Receiver(1000)
        receiver.feed(frame(b"a", fin=False) + frame(b"1", PING) + end + frame(b"b", CONTINUATION))
        assert receiver.next() == Ping(b"1") or end != frame(b"", CLOSE)
        while (event := receiver.next()) is not None:
            last = event
        assert isinstance(last, Close | Fault)
        receiver.feed(frame(b"c"))
        assert receiver.next() is None
        assert held(receiver) <= 250


INVALID = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x28\xa1", b"\xf8\x88\x80\x80\x80", b"a\xc3", b"\x80"]


@pytest.mark.parametrize("text", INVALID)
def test_text_has_to_be_utf8(text):
    """Section 8.1."""
    assert codes([frame(text)]) == [1007]
    assert codes([frame(bytes([byte]), TEXT if i == 0 else CONTINUATION, fin=i == len(text) - 1) for i, byte in enumerate(text)]) == [1007]
    assert events_of([frame(text, BINARY)]) == [Binary(text)]


def test_invalid_text_is_found_as_soon_as_it_is_there():
    """Section 8.1 says when it is noticed; a client that goes on sending shall not be read on."""
    start = "κόσμε".encode()
    assert codes([frame(start + b"\xf4\x90", fin=False)]) == [1007]
    long = frame(start + b"\xf4\x90\x80\x80" + b"x" * 60000)
    assert codes([long[: 8 + len(start) + 1]]) == []
    assert codes([long[: 8 + len(start) + 2]]) == [1007]


def test_a_message_over_the_limit_is_refused_before_it_is_read():
    assert codes([frame(b"x" * 1000)], 1000) == [Text("x" * 1000)]
    assert codes([header(0x81, 1001)[:4]], 1000) == [1009]
    assert codes([header(0x82, 1 << 62)[:10]], 1000) == [1009]
    assert codes([frame(b"x" * 600, fin=False), frame(b"", PING), header(CONTINUATION, 401)[:4]], 1000) == [Ping(b""), 1009]
    assert codes([frame(b"x" * 600, fin=False), frame(b"x" * 400, CONTINUATION)], 1000) == [Text("x" * 1000)]


def held(receiver: Receiver) -> int:
    """Bytes of the receiver and of what it alone holds: not what all of them share."""
    seen = {id(receiver): receiver}
    todo = [receiver]
    while todo:
        for value in gc.get_referents(todo.pop()):
            if id(value) not in seen and not isinstance(value, type | frozenset):
                seen[id(value)] = value
                todo.append(value)
    return sum(sys.getsizeof(value) for value in seen.values())


def test_an_idle_one_is_small():
    receiver = Receiver(512 * 1024)
    assert held(receiver) <= 250
    for _ in range(3):
        receiver.feed(frame(b"x" * 50_000) * 3 + frame(b"y" * 1000, fin=False) + frame(b"z" * 1000, CONTINUATION))
        while receiver.next() is not None:
            pass
        assert held(receiver) <= 250


def test_what_is_kept_between_two_calls_is_little_more_than_the_message():
    receiver = Receiver(512 * 1024)
    receiver.feed(frame(b"x") * 10_000 + frame(b"", PING)[:3])
    while receiver.next() is not None:
        pass
    assert held(receiver) <= 350
    receiver.feed(frame(b"", PING)[3:] + frame(b"x" * 100_000)[:50_000])
    while receiver.next() is not None:
        pass
    assert held(receiver) <= 60_000


# any frames, any split, any bytes

CONTROLS = st.builds(frame, st.binary(max_size=125), st.sampled_from([PING, PONG]))
TEXTS = st.text(max_size=200).map(str.encode) | st.text(min_size=100, max_size=300).map(lambda text: (text * 300).encode()[:66_000])


@st.composite
def messages(draw) -> tuple[list[bytes], object]:
    """The frames of a message, control frames among them, and the event that it makes."""
    is_text = draw(st.booleans())
    payload = draw(TEXTS if is_text else st.binary(max_size=300))
    try:
        expected = Text(payload.decode()) if is_text else Binary(payload)
    except UnicodeDecodeError:
        expected = Fault(1007, "text that is not UTF-8")
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    frames = []
    for i, part in enumerate(parts):
        opcode = CONTINUATION if i else TEXT if is_text else BINARY
        frames.append(frame(part, opcode, fin=i == len(parts) - 1, mask=draw(st.binary(min_size=4, max_size=4))))
    return frames, expected


@st.composite
def conversations(draw) -> tuple[bytes, list[object]]:
    sent, expected = b"", []
    for frames, event in draw(st.lists(messages(), max_size=4)):
        for one in frames:
            for data, opcode in draw(st.lists(st.tuples(st.binary(max_size=125), st.sampled_from([PING, PONG])), max_size=2)):
                sent += frame(data, opcode)
                expected.append(Ping(data) if opcode == PING else Pong(data))
            sent += one
        expected.append(event)
    return sent, expected


def until_fault(events: list) -> list:
    """Up to the first fault. Control frames right before it may be missing: the fault may lie in an earlier frame."""
    faults = [i for i, event in enumerate(events) if isinstance(event, Fault)]
    events = events[: faults[0] + 1] if faults else events
    return [event for event in events if not faults or not isinstance(event, Ping | Pong)]


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@examples(200)
@given(conversations(), st.lists(st.integers(0, 1_000_000), max_size=12))
def test_any_split_gives_the_same_events(conversation, cuts):
    sent, expected = conversation
    found = events_of(split(sent, cuts))
    assert until_fault(found) == until_fault(expected)
    assert found == events_of([sent])
    if len(sent) < 1000:
        assert found == events_of(bytes([byte]) for byte in sent)


@examples(100)
@given(conversations(), st.lists(st.integers(0, 1_000_000), max_size=12))
def test_several_feeds_before_the_first_look_are_the_same_too(conversation, cuts):
    sent, _ = conversation
    receiver = Receiver(100_000)
    events = []
    for i, piece in enumerate(split(sent, cuts)):
        receiver.feed(piece)
        if i % 3 == 2 and (event := receiver.next()) is not None:
            events.append(event)
    while (event := receiver.next()) is not None:
        events.append(event)
    assert events == events_of([sent])


HEADS = st.sampled_from([0x01, 0x02, 0x81, 0x82, 0x80, 0x00, 0x88, 0x89, 0x8A, 0xC1, 0x41]).map(lambda first: bytes([first]))


@examples(500)
@given(st.lists(st.binary(max_size=30) | st.tuples(HEADS, st.binary(max_size=20)).map(b"".join) | CONTROLS, max_size=10), st.booleans())
def test_any_bytes_make_events_and_a_fault_at_most(pieces, deflate):
    events = events_of(pieces, 1000, deflate=deflate)
    assert all(isinstance(event, Text | Binary | Ping | Pong) for event in events[:-1])
    assert all(event.code in (1002, 1007, 1009) and event.reason for event in events if isinstance(event, Fault))
    assert events == events_of([b"".join(pieces)], 1000, deflate=deflate)


# time


def seconds(pieces: list[bytes]) -> float:
    def once() -> float:
        start = time.process_time()
        events_of(pieces, 1 << 30)
        return time.process_time() - start

    return min(once() for _ in range(3))


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(lambda n: [frame(b"x" * 20) * n], id="many frames at once"),
        pytest.param(lambda n: [bytes([byte]) for byte in frame("é".encode() * n)], id="a long text byte by byte"),
        pytest.param(lambda n: [bytes([byte]) for byte in frame(b"x" * n, BINARY)], id="long data byte by byte"),
        pytest.param(lambda n: [frame(b"", fin=False), *[frame(b"x", CONTINUATION, fin=False)] * n], id="many fragments"),
        pytest.param(lambda n: [frame(b"x" * 100 * n)], id="a long frame"),
    ],
)
def test_time_grows_no_faster_than_the_bytes(pieces):
    """Sixteen times the bytes: with a quadratic step anywhere some 256 times the time."""
    assert seconds(pieces(32_000)) < 64 * max(seconds(pieces(2000)), 0.001)


def test_bytes_that_nobody_looks_at_are_taken_in_linear_time():
    def feed(count: int) -> float:
        receiver = Receiver(1000)
        receiver.feed(frame(b"x"))
        receiver.next()
        piece = frame(b"x" * 100, mask=MASK)
        start = time.process_time()
        for _ in range(count):
            receiver.feed(piece)
        return time.process_time() - start

    assert feed(160_000) < 64 * max(feed(10_000), 0.001)
