"""The table of transports, as data: the names of the contract, in its order of preference."""

from typing import NamedTuple


class Transport(NamedTuple):
    path: str
    """Relative to the base."""
    needs: str
    """What the browser must have."""


TRANSPORTS: dict[str, Transport] = {
    "websocket": Transport("v1/websocket", "WebSocket"),
    "sse": Transport("v1/sse", "EventSource"),
    "long-poll": Transport("v1/long-poll", "XMLHttpRequest"),
    "short-poll": Transport("v1/short-poll", "XMLHttpRequest"),
}
