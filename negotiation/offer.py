"""What `GET /v1/negotiate` answers, and every page carries inline."""

from typing import Any

from negotiation.identity import User
from negotiation.transports import TRANSPORTS
from protocol.values import MAX_DATA_BYTES

MAX_CHANNELS = 100
"""Subscriptions of one connection."""


def offer(
    user: User, network: str, transports: tuple[str, ...], *, heartbeat_s: float, hold_s: float, poll_s: float, now_ms: int
) -> dict[str, Any]:
    """*transports* in order of preference; URLs are relative to the base."""
    return {
        "protocol": 1,
        "transports": [{"name": name, "url": TRANSPORTS[name].path} for name in transports],
        "publish": "v1/publish",
        "heartbeat": round(heartbeat_s * 1000),
        "hold": round(hold_s * 1000),
        "poll": round(poll_s * 1000),
        "limits": {"message": MAX_DATA_BYTES, "channels": MAX_CHANNELS},
        "network": network,
        "user": user.public(),
        "time": now_ms,
    }
