"""Two connections to a Redis server: one that publishes, one that listens. Neither mends itself: whoever uses it must know of a break.

So these are connections of the package `redis`, not its client, which would connect again without a word.
"""

import contextlib
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError

WAIT_S = 3.0
"""A server that is silent for longer is taken for gone; our own beats come back each second."""
_OURS = {"protocol": 2, "decode_responses": False, "socket_timeout": WAIT_S, "socket_connect_timeout": WAIT_S}

LINK_ERRORS = (RedisError, OSError, ValueError, TypeError)
"""What all of this raises: the last two for a URL with options that the package doesn't know."""


class RedisLink:
    def __init__(self, url: str):
        """Raises ValueError or TypeError."""
        options: dict[str, Any] = {**parse_url(url), **_OURS, "retry": Retry(NoBackoff(), 0)}
        make = options.pop("connection_class", Connection)
        self._speaker, self._listener = make(**options), make(**options)

    async def open(self, *channels: str) -> None:
        """Connects, and listens to *channels* by the time it returns. Raises LINK_ERRORS; close it then, too."""
        await self._speaker.connect()
        await self._listener.connect()
        await self._listener.send_command("SUBSCRIBE", *channels)
        for _ in channels:
            await self._listener.read_response()

    async def publish(self, packets: list[tuple[str, bytes]]) -> None:
        """Sends *packets*, each with its channel, and waits until the server has taken them. Raises LINK_ERRORS."""
        if not self._speaker.is_connected:
            raise ConnectionError("the connection is closed")
        await self._speaker.send_packed_command(self._speaker.pack_commands(("PUBLISH", *packet) for packet in packets))
        for _ in packets:
            await self._speaker.read_response()

    async def hear(self) -> tuple[str, bytes]:
        """The next packet, and its channel. Raises LINK_ERRORS, also when nothing has come for WAIT_S."""
        while True:
            kind, channel, data = await self._listener.read_response()
            if kind == b"message":
                return channel.decode(), data

    async def close(self) -> None:
        """Closes both connections, whatever state they are in."""
        for connection in (self._speaker, self._listener):
            with contextlib.suppress(*LINK_ERRORS):
                await connection.disconnect(nowait=True)


def address_of(url: str) -> str:
    """Host and port of *url*, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}"
