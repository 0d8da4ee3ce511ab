"""What processes tell each other that isn't in the log: signals, who is there, whom to send away.

A notice is one message of MessagePack. It may be lost, so nothing that has to arrive goes this way alone; it comes once or
not at all.
"""

from __future__ import annotations

import msgspec

MAX_NAMED = 400
"""Users of one channel whom a process names; with more it says how many. With the longest names they fit into a notice of 100 KB."""


class SignalNotice(msgspec.Struct, tag="signal", array_like=True, frozen=True):
    """An event for everyone who follows *channel*."""

    channel: str
    payload: bytes


class HereNotice(msgspec.Struct, tag="here", array_like=True, frozen=True):
    """Who is in *channel* by the process that says so: the *users* by id with their names, or how many where there are too many."""

    process: bytes
    channel: str
    users: dict[str, str]
    count: int


class AskNotice(msgspec.Struct, tag="ask", array_like=True, frozen=True):
    """Somebody looks at who is in *channel*: from now on, and for a while, the others say who is there by them."""

    channel: str


class LeftNotice(msgspec.Struct, tag="left", array_like=True, frozen=True):
    """This process is gone, and everybody who was there by it."""

    process: bytes


class DismissNotice(msgspec.Struct, tag="dismiss", array_like=True, frozen=True):
    """The connections of *user*, or on *channel*, or both, are to be closed, and not to come back by themselves."""

    user: str | None
    channel: str | None


class RenameNotice(msgspec.Struct, tag="rename", array_like=True, frozen=True):
    """*user* is called *name* from now on."""

    user: str
    name: str


Notice = SignalNotice | HereNotice | AskNotice | LeftNotice | DismissNotice | RenameNotice

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Notice)


def encode_notice(notice: Notice) -> bytes:
    return _encoder.encode(notice)


def decode_notice(data: bytes) -> Notice:
    """Raises msgspec.DecodeError where it is none, such as one of another version."""
    notice: Notice = _decoder.decode(data)
    return notice
