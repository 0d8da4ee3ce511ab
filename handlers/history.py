"""GET /v1/history: older messages, page by page."""

import asyncio

from pymongo.errors import PyMongoError

from handlers.base import Base
from negotiation.authorize import BY_ENDPOINT, authorize
from protocol.codes import ProtocolError, Unavailable
from protocol.positions import parse_channel, parse_position

MAX_LIMIT = 1000
DEFAULT_LIMIT = 50
ANSWER_BYTES = 1024 * 1024
READ_S = 3.0
"""A page takes milliseconds. The driver alone would wait, and try again, for 20 s before a client hears that the log is away."""


class History(Base):
    async def get(self) -> None:
        parameters = self.parameters()
        channel = parse_channel(parameters.get("channel", [""])[-1])
        authorize(self.user, "read", channel)
        if channel.partition(":")[0] in BY_ENDPOINT:
            raise ProtocolError("not-found", "What counts of it is its newest state; there is no history.", field="channel")
        limit = _limit(parameters.get("limit", [str(DEFAULT_LIMIT)])[-1])
        before = parameters.get("before", [""])[-1]
        position = parse_position(before, "before") if before else None
        if position is not None and position.epoch != self.node.hub.epoch:
            raise ProtocolError("dead-epoch", field="before")
        self.node.catch_up.check(self.user.id, self.outside.address)
        try:
            async with asyncio.timeout(READ_S):
                messages, more = await self.node.reader.history(channel, position and position.offset, limit, ANSWER_BYTES)
        except (PyMongoError, TimeoutError) as error:
            raise Unavailable() from error
        self.node.catch_up.spend(self.user.id, self.outside.address, sum(len(message.payload) for message in messages))
        self.answer_events("messages", [message for message in messages if not message.is_state], more=more)

    head = get


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:5]) <= MAX_LIMIT and len(text) <= 4):
        raise ProtocolError("bad-request", f"limit is 1 to {MAX_LIMIT}.", field="limit")
    return int(text)
