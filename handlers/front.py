"""What stands before Tornado: it takes every connection, and serves the plain requests that open a wire by itself.

Such a request is read, its visitor recognised and its channels found, without a handler and without a coroutine: a
connection costs what its objects weigh, and a held poll is answered with bytes that all others get, too. Whatever is not
plain, not allowed or not in memory, is passed on to Tornado's handlers, with the bytes that were read, as if nothing had
been before it. So nothing here refuses anything, but a connection for which there is no descriptor left.
"""

import functools
import socket

import tornado.httpserver
import tornado.netutil
from tornado.iostream import IOStream

from handlers.caller import Caller
from handlers.link import Poller, SocketLink, notice_dead_peers
from handlers.node import Node
from handlers.room import turn_away
from handlers.stream_link import taken_over


class Front:
    def __init__(self, node: Node, http: tornado.httpserver.HTTPServer, poller: Poller):
        self.node = node
        self.poller = poller
        self.http = http
        self._stop: list[functools.partial[None]] = []

    def add_sockets(self, sockets: list[socket.socket]) -> None:
        """Takes what comes on these."""
        for listening in sockets:
            self._stop.append(functools.partial(_stop, listening, tornado.netutil.add_accept_handler(listening, self._accept)))

    def adopt(self, stream: IOStream, address: tuple[str, int], answer: bytes) -> None:
        """Takes a connection that Tornado has led so far, and sends *answer* to its last request."""
        if not stream.closed():
            link = taken_over(stream, self.poller)
            Caller(self, link, address)
            link.write(answer)

    def stop(self) -> None:
        """Takes no further connection."""
        while self._stop:
            self._stop.pop()()

    def _accept(self, connection: socket.socket, address: tuple[str, int]) -> None:
        connection.setblocking(False)
        if connection.fileno() >= self.node.ceiling:
            turn_away(connection, self.node)
            return
        try:
            notice_dead_peers(connection)
        except OSError:  # it has gone already
            connection.close()
            return
        Caller(self, SocketLink(connection, self.poller), address)


def _stop(listening: socket.socket, remove: "functools.partial[None]") -> None:
    remove()
    listening.close()
