"""What the parameters of a wire ask for: channels, and how long to be silent or to wait."""

import functools
import re
from typing import NamedTuple

from handlers.base import parse_parameters
from handlers.node import Node
from negotiation.offer import MAX_CHANNELS
from protocol.codes import ProtocolError
from protocol.positions import Start, parse_cursor, parse_sub

MIN_HEARTBEAT_S = 0.5
_NUMBER = re.compile(r"[0-9]{1,9}|[0-9]{0,9}\.[0-9]{1,9}")
"""Plain digits: float() would also take "nan", "1_000" and the digits of every script."""
REMEMBERED_CHARS = 512
"""Of a query: that of one who follows a few channels."""


class Asked(NamedTuple):
    """What the parameters of a wire say. Shared by all who say the same: never changed."""

    parameters: dict[str, list[str]]
    starts: dict[str, Start]


_RANDOM = re.compile(r"(?:^|(?<=&))_=[^&]*(?:&|$)")
"""What clients add, so that no two URLs are the same."""


def ask(query: str, cursor: str | None) -> Asked:
    """What a query and a Last-Event-ID say. Raises ProtocolError."""
    if "_=" in query:
        query = _RANDOM.sub("", query)
    return _ask(query, cursor) if len(query) <= REMEMBERED_CHARS else _ask.__wrapped__(query, cursor)


@functools.lru_cache(4096)
def _ask(query: str, cursor: str | None) -> Asked:
    parameters = parse_parameters(query)
    return Asked(parameters, starts(parameters, cursor))


def shows_presence(asked: Asked) -> bool:
    """Parameter `presence`: whether who asks wants to be told who is there."""
    return asked.parameters.get("presence", ["0"])[-1] != "0"


def starts(parameters: dict[str, list[str]], cursor: str | None) -> dict[str, Start]:
    """Channel to START, the last one named wins; Last-Event-ID overrides. Raises ProtocolError."""
    subs = [parse_sub(text) for text in parameters.get("sub", [])]
    found = {sub.channel: sub.start for sub in subs}
    if len(found) > MAX_CHANNELS:
        raise ProtocolError("bad-request", f"A connection has at most {MAX_CHANNELS} channels.", field="sub")
    cursor = cursor or parameters.get("lastEventId", [""])[-1]
    found.update({channel: position for channel, position in parse_cursor(cursor).items() if channel in found})
    return found


def seconds(parameters: dict[str, list[str]], name: str, default_s: float, unit_s: float = 1.0) -> float:
    """A number ≥ 0 in the parameter *name*, in units of *unit_s*. Raises ProtocolError."""
    if name not in parameters:
        return default_s
    if not _NUMBER.fullmatch(parameters[name][-1]):
        raise ProtocolError("bad-request", f"{name} is a number, 0 or more.", field=name)
    return float(parameters[name][-1]) * unit_s


def heartbeat_s(parameters: dict[str, list[str]], node: Node) -> float:
    """Parameter `heartbeat` in ms, which can only shorten the server's own."""
    asked_s = seconds(parameters, "heartbeat", node.settings.heartbeat_s, 0.001)
    if asked_s < MIN_HEARTBEAT_S:
        raise ProtocolError("bad-request", "heartbeat is at least 500 ms.", field="heartbeat")
    return min(asked_s, node.settings.heartbeat_s)
