"""Publishing, over any wire: limits, order, receipts."""

from __future__ import annotations

import msgspec

from handlers.base import encode
from handlers.node import Node
from negotiation.authorize import authorize
from negotiation.identity import User
from protocol.codes import ProtocolError, Refusal
from protocol.frames import check_message
from protocol.notices import SignalNotice
from store.writer import Receipt

MAX_REFUSED = 1000
"""Channels of one connection that wait for their refused message: ten times what it may follow."""


class Publisher:
    """What one connection (or one request) publishes.

    Invariant: what it sends to a channel is stored in the order sent. Once a message was refused for now (429, 503), what
    follows it to that channel is refused too, until the refused id comes again.
    """

    def __init__(self, node: Node):
        self._node = node
        self._refused: dict[str, str] = {}
        """Of each channel the first message that was refused for now."""

    async def publish(self, user: User, channel: str, id: str | None, data: bytes | msgspec.Raw, *, is_state: bool = False) -> Receipt:
        """Raises ProtocolError or Unavailable."""
        checked = check_message(channel, id, data)
        authorize(user, "write", channel)
        if is_state and not user.backend:
            raise ProtocolError("forbidden", "States are published by a backend, with the API key.")
        first = self._refused.get(channel)
        if first is not None:
            if id != first:
                raise ProtocolError("after-refused")
            del self._refused[channel]
        try:
            if not user.backend:
                self._node.publishes.take(user.id)
            with self._node.metrics.publishing():
                return await self._node.log.append(channel, user.public(), id, checked, is_state=is_state)
        except Refusal as error:
            if id is not None and error.retry_after_s is not None and error.code != "after-refused":
                self._refused.setdefault(channel, id)
            raise

    @property
    def is_flooding(self) -> bool:
        """True for a sender that answers refusals with messages to ever more channels, whatever it is told."""
        return len(self._refused) > MAX_REFUSED

    def signal(self, user: User, channel: str, data: bytes | msgspec.Raw) -> None:
        """Raises ProtocolError."""
        checked = check_message(channel, None, data)
        authorize(user, "write", channel)
        if not user.backend:
            self._node.publishes.take(user.id)
        head = encode({"type": "signal", "channel": channel, "user": user.public()})
        payload = head[:-1] + b',"data":' + checked + b"}"
        self._node.hub.signal(channel, payload)
        self._node.notices.tell(SignalNotice(channel, payload))
