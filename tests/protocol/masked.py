"""Frames as a client sends them, and what a Receiver makes of bytes."""

from collections.abc import Iterable

from protocol.websocket import Event, Receiver

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
"""The one of RFC 6455 section 5.7."""


def frame(payload: bytes = b"", opcode: int = TEXT, *, fin: bool = True, reserved: int = 0, mask: bytes | None = MASK) -> bytes:
    """RFC 6455 section 5.2, with the shortest form of the length; *reserved* is RSV1 to RSV3 as a number of 3 bits."""
    first = fin << 7 | reserved << 4 | opcode
    return header(first, len(payload), mask) + (payload if mask is None else masked(payload, mask))


def header(first: int, length: int, mask: bytes | None = MASK, form: int | None = None) -> bytes:
    """What stands before a payload; *form* is 126 or 127 for a length in 2 or 8 bytes."""
    if form is None:
        form = length if length < 126 else 126 if length < 0x10000 else 127
    digits = b"" if form < 126 else length.to_bytes(2 if form == 126 else 8, "big")
    return bytes([first, form | (0 if mask is None else 0x80)]) + digits + (mask or b"")


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def events_of(pieces: Iterable[bytes], max_bytes: int = 100_000, *, deflate: bool = False) -> list[Event]:
    """What comes out while *pieces* are fed, each drained before the next."""
    receiver = Receiver(max_bytes, deflate=deflate)
    events = []
    for piece in pieces:
        receiver.feed(piece)
        while (event := receiver.next()) is not None:
            events.append(event)
    return events
