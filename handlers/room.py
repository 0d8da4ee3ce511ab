"""How many connections a process has descriptors for, and what becomes of one too many.

The kernel gives each new connection the lowest descriptor that is free (POSIX, section 2.6): so its number says how many
there are, whoever has them, and nothing has to be counted.
"""

from __future__ import annotations

import asyncio
import random
import resource
import socket
from typing import TYPE_CHECKING

import msgspec
import tornado.httpserver
from tornado.iostream import IOStream

from handlers.http1 import head
from handlers.link import SocketLink
from protocol.codes import Unavailable

if TYPE_CHECKING:
    from handlers.node import Node

RESERVED = 128
"""Descriptors that no connection gets: two pools of 20 to MongoDB with their monitors (some 60 for a set of three), pipes and
files, and those that are about to be turned away."""
TURNED_AWAY = 32
"""Of them, for those who are told so; beyond it they are cut off without a word."""
MOST = 1 << 20
"""More are never asked for: a hard limit of "infinity" is a thousand times as much as Linux gives (fs.nr_open)."""
LINGER_S = 1.0
"""For who is turned away to say what it wants, and to read why it isn't done."""
RETRY_S = (1, 5)


def claim() -> int:
    """Raises the soft limit of descriptors to the hard one. Returns from which descriptor on connections are refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max(0, (MOST if soft == resource.RLIM_INFINITY else soft) - RESERVED)


class Full(Unavailable):
    """There are as many connections as there may be. Who is told so comes back at a time of its own."""

    def __init__(self) -> None:
        super().__init__("This server has as many connections as it takes.", retry_after_s=random.randint(*RETRY_S))


class TurnedAway:
    """A connection too many: told 503 once it has asked for something, whatever that is, and closed when it has gone or a moment later."""

    __slots__ = ("_ending", "_is_answered", "link")

    def __init__(self, link: SocketLink):
        link.owner = self
        self.link = link
        self._is_answered = False
        self._ending = asyncio.get_running_loop().call_later(LINGER_S, link.close)

    def received(self, data: bytes) -> None:
        if not self._is_answered:
            self._is_answered = True
            self.link.write(_answer())

    def drained(self) -> None: ...

    def closed(self) -> None:
        self._ending.cancel()


def turn_away(connection: socket.socket, node: Node) -> None:
    """*connection* got a descriptor that isn't for connections."""
    node.metrics.full.inc()
    if connection.fileno() >= node.ceiling + TURNED_AWAY or node.poller is None:
        connection.close()
    else:
        TurnedAway(SocketLink(connection, node.poller))


class Http(tornado.httpserver.HTTPServer):
    """Tornado's server, where it takes connections by itself: of one too many it doesn't even begin the TLS handshake."""

    def initialize(self, node: Node, *args: object, **options: object) -> None:
        self._node = node
        super().initialize(*args, **options)

    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        """As Tornado's."""
        if stream.socket.fileno() >= self._node.ceiling:
            self._node.metrics.full.inc()
            stream.close()
        else:
            super().handle_stream(stream, address)


def _answer() -> bytes:
    error = Full()
    body = msgspec.json.encode({"error": error.body()})
    fields = b"Content-Type: application/json\r\nContent-Length: %d\r\nRetry-After: %d\r\n" % (len(body), error.retry_after_s or 1)
    return head(b"503 Service Unavailable", fields + b"Cache-Control: no-store\r\nConnection: close\r\n") + body
