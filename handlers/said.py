"""What was said in a room, as a page shows it without script: one page of the log, oldest first."""

import asyncio
import datetime
from typing import Any, NamedTuple

import msgspec
from pymongo.errors import PyMongoError

from handlers.base import Base
from negotiation.authorize import authorize
from protocol.codes import ProtocolError, Refusal, Unavailable
from protocol.message import Message
from protocol.positions import parse_position

LIMIT = 50
"""As the page's script asks for."""
PAGE_BYTES = 256 * 1024
READ_S = 1.0
"""A page of the log takes milliseconds, and the whole page waits for it."""
FOLLOWS_MS = 5 * 60_000
"""As in the page's script: within it a message of the same author goes without a byline."""


class Line(NamedTuple):
    offset: int
    position: str
    time: int
    """In ms since 1970 UTC."""
    author: str
    """The user's id."""
    name: str
    text: str
    day: str
    """Of the first line of a day, in UTC; else empty."""
    follows: bool
    """True where the line before is the same author's, from a moment before."""


class Said(NamedTuple):
    lines: list[Line]
    earlier: str = ""
    """The position before which there is more; empty where there isn't."""
    trouble: Refusal | None = None
    """Why nothing could be read."""


async def said(asking: Base, channel: str, before: str) -> Said:
    """The newest lines of *channel*, or those before a position. Raises ProtocolError bad-position."""
    authorize(asking.user, "read", channel)
    position = parse_position(before, "before") if before else None
    node = asking.node
    below = position.offset if position is not None and position.epoch == node.hub.epoch else None  # another life: its newest
    try:
        if node.log.refusing is not None:
            raise Unavailable()
        node.catch_up.check(asking.user.id, asking.outside.address)
        async with asyncio.timeout(READ_S):
            messages, more = await node.reader.history(channel, below, LIMIT, PAGE_BYTES)
    except (PyMongoError, TimeoutError):
        return Said([], trouble=Unavailable())
    except (ProtocolError, Unavailable) as error:
        return Said([], trouble=error)
    node.catch_up.spend(asking.user.id, asking.outside.address, sum(len(message.payload) for message in messages))
    lines = _lines(messages)
    return Said(lines, lines[0].position if more and lines else "")


def _lines(messages: list[Message]) -> list[Line]:
    lines: list[Line] = []
    for message in messages:
        event = msgspec.json.decode(message.payload)
        user = event["user"]
        last = lines[-1] if lines else None
        day = utc(event["time"]).date().isoformat()
        is_new_day = last is None or utc(last.time).date().isoformat() != day
        follows = not is_new_day and last is not None and last.author == user["id"] and event["time"] - last.time < FOLLOWS_MS
        lines.append(
            Line(
                offset=message.offset,
                position=event["position"],
                time=event["time"],
                author=user["id"],
                name=user["name"],
                text=_text(event["data"]),
                day=day if is_new_day else "",
                follows=follows,
            )
        )
    return lines


def _text(data: Any) -> str:
    """What a program published into the room otherwise is shown as it is."""
    if isinstance(data, str):
        return data
    if isinstance(data, dict) and isinstance(data.get("text"), str):
        return data["text"]
    return msgspec.json.encode(data).decode()


def utc(time_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC)
