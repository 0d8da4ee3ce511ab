"""Where a client is in a channel, and where a subscription begins.

position   EPOCH-OFFSET     everything up to and including OFFSET has been delivered
START      empty | 0 | -N | EPOCH-OFFSET
sub        CHANNEL[@START]
cursor     CHANNEL@POSITION joined by ","     (Last-Event-ID)
"""

import re
from typing import NamedTuple

from protocol.codes import ProtocolError

MAX_OFFSET = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259 section 6)."""
MAX_REPLAY = 1000
"""Most messages that -N may ask for, and that follow an unresumable position."""

_CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,31}:[A-Za-z0-9._~-]{1,128}")
_EPOCH = re.compile(r"[0-9a-z]{4,16}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")


class Position(NamedTuple):
    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"


class Next(NamedTuple):
    """Begin with the next message."""


class Last(NamedTuple):
    """Begin with the last *number* messages."""

    number: int


class Oldest(NamedTuple):
    """Begin with the oldest message still kept."""


Start = Next | Last | Oldest | Position


class Sub(NamedTuple):
    channel: str
    start: Start


def is_channel(text: str) -> bool:
    return _CHANNEL.fullmatch(text) is not None


def parse_channel(text: str, field: str = "channel") -> str:
    """*text* itself if it names a channel. Raises ProtocolError bad-channel."""
    if not is_channel(text):
        raise ProtocolError("bad-channel", field=field)
    return text


def parse_position(text: str, field: str = "position") -> Position:
    """Raises ProtocolError bad-position."""
    epoch, dash, offset = text.partition("-")
    if not dash or not _EPOCH.fullmatch(epoch) or not _NUMBER.fullmatch(offset) or int(offset) > MAX_OFFSET:
        raise ProtocolError("bad-position", field=field)
    return Position(epoch, int(offset))


def parse_start(text: str, field: str = "sub") -> Start:
    """Raises ProtocolError bad-position, also for more than the last 1000."""
    if text == "":
        return Next()
    if text == "0":
        return Oldest()
    if text[0] == "-":
        count = text[1:]
        if not _NUMBER.fullmatch(count) or not 1 <= int(count) <= MAX_REPLAY:
            raise ProtocolError("bad-position", f"-N takes 1 to {MAX_REPLAY}.", field=field)
        return Last(int(count))
    return parse_position(text, field)


def parse_sub(text: str) -> Sub:
    """One `sub` parameter. Raises ProtocolError bad-channel or bad-position."""
    channel, _, start = text.partition("@")
    return Sub(parse_channel(channel, "sub"), parse_start(start, "sub"))


def parse_cursor(text: str) -> dict[str, Position]:
    """A Last-Event-ID. Raises ProtocolError bad-position; an empty one names nothing."""
    cursor: dict[str, Position] = {}
    for item in text.split(",") if text else ():
        channel, at, position = item.partition("@")
        if not at or not is_channel(channel):
            raise ProtocolError("bad-position", "Last-Event-ID is CHANNEL@POSITION joined by commas.", field="lastEventId")
        cursor[channel] = parse_position(position, "lastEventId")
    return cursor
