"""The ways in: bare sockets through the front where that can be, else Tornado's own server, which stands behind it in any case."""

import socket
import ssl

import tornado.httpserver

from handlers.application import application
from handlers.caller import IDLE_S
from handlers.front import Front
from handlers.link import Poller, is_available
from handlers.node import Node
from handlers.script import Script

MAX_HEADER_BYTES = 1024 * 1024
"""What is read before the connection is cut; handlers refuse far less, with an answer."""
MAX_BODY_BYTES = 64 * 1024 * 1024
"""What is read before it is refused with an answer; handlers keep far less of it."""
BODY_S = 60.0
"""How long a body may take to arrive."""


class Doors:
    def __init__(self, node: Node, script: Script, *, fast: bool = True):
        """Without *fast* Tornado serves everything, as it does where TLS is spoken or no epoll is there. Raises OSError, ssl.SSLError."""
        settings = node.settings
        context = None
        if settings.tls_cert is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
        self.http = tornado.httpserver.HTTPServer(
            application(node, script),
            ssl_options=context,
            max_header_size=MAX_HEADER_BYTES,
            max_body_size=MAX_BODY_BYTES,
            idle_connection_timeout=IDLE_S,
            body_timeout=BODY_S,
        )
        self._front: Front | None = None
        if fast and context is None and is_available():
            node.poller = Poller()
            node.front = self._front = Front(node, self.http, node.poller)
        self._node = node

    def open(self, sockets: list[socket.socket]) -> None:
        """Takes what comes on these, which listen already."""
        (self._front or self.http).add_sockets(sockets)

    def stop(self) -> None:
        """Takes no further connection."""
        (self._front or self.http).stop()

    def close(self) -> None:
        """Ends all bare connections."""
        if self._node.poller is not None:
            self._node.poller.close()
