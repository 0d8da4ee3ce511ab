"""The ways in: bare sockets through the front where that can be, else Tornado's own server, which stands behind it in any case."""

import socket
import ssl

from handlers.application import application
from handlers.caller import IDLE_S
from handlers.front import Front
from handlers.link import Poller, is_available
from handlers.node import Node
from handlers.room import Http
from handlers.script import Script
from settings import Settings
from store.start_error import StartError

MAX_HEADER_BYTES = 1024 * 1024
"""What is read before the connection is cut; handlers refuse far less, with an answer."""
MAX_BODY_BYTES = 64 * 1024 * 1024
"""What is read before it is refused with an answer; handlers keep far less of it."""
BODY_S = 60.0
"""How long a body may take to arrive."""


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """What TLS is spoken with; None where the server speaks without. Raises StartError."""
    if settings.tls_cert is None:
        if settings.tls_key is not None:
            raise StartError("certificate", "ANYWIRE_TLS_KEY names a key, but no ANYWIRE_TLS_CERT its certificate. Set both, or none.")
        return None
    files = [f"the certificate {settings.tls_cert}"] + ([f"the key {settings.tls_key}"] if settings.tls_key else [])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")  # or a key with a passphrase would ask the terminal
    except OSError as error:  # an ssl.SSLError is one, too
        why = "they hold no certificate with its key" if isinstance(error, ssl.SSLError) else error.strerror
        raise StartError(
            "certificate",
            f"Can't speak TLS with {' and '.join(files)}: {why}. Both have to be PEM files that the server may read, the key "
            "without a passphrase and the one of this certificate; without ANYWIRE_TLS_KEY it is looked for in the certificate's file.",
        ) from error
    return context


class Doors:
    def __init__(self, node: Node, script: Script, *, context: ssl.SSLContext | None = None, fast: bool = True):
        """With *context* they speak TLS. Tornado serves everything then, and where no epoll is there, and without *fast*."""
        self.http = Http(
            node,
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
