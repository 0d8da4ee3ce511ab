"""GET /v1/presence, and who is in a channel by this process: the users of the wires that follow it."""

from __future__ import annotations

import time
from collections.abc import Callable

from cluster.presence import Lately
from handlers.base import Base
from negotiation.authorize import authorize
from negotiation.identity import User
from protocol.hub import Hub
from protocol.positions import parse_channel
from protocol.presence import public

LINGER_S = 3.0
"""Who reloads a page hasn't left."""
LINGER_POLL_S = 15.0
"""Who polls isn't there between two requests: as long as the longest interval that a client is asked for, and a little."""


def looker(hub: Hub, clock: Callable[[], float] = time.monotonic) -> Callable[[str, Lately], None]:
    """What cluster/presence.py asks."""

    def look(channel: str, lately: Lately) -> None:
        until_s, poll_until_s = clock() + LINGER_S, clock() + LINGER_POLL_S
        for subscription in hub.subscriptions(channel):
            wire = subscription.attachment.wire
            user = getattr(wire, "user", None)
            if user is not None and is_somebody(user):
                lately[user.id] = (user.name, poll_until_s if wire.transport.endswith("poll") else until_s)

    return look


def is_somebody(user: User) -> bool:
    """False for a backend, and for who polls without a cookie, who is somebody else each time."""
    return bool(user.id) and not user.backend


class WhoIsThere(Base):
    async def get(self) -> None:
        channel = parse_channel(self.parameters().get("channel", [""])[-1])
        authorize(self.user, "read", channel)
        self.node.locates.take(self.user.id)
        crowd = await self.node.presence.look(channel)
        self.answer({"channel": channel, "count": crowd.count, "users": public(crowd.users)})

    head = get
