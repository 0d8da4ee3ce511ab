"""The wire of a WebSocket, and the session that brings its commands."""

import time
from collections.abc import Awaitable

from handlers.asked import Asked, heartbeat_s, shows_presence
from handlers.commands import Commands
from handlers.forms import WebSocketForm
from handlers.link import Link
from handlers.node import Node
from handlers.stream_wire import StreamWire
from handlers.websocket_connection import WebSocketConnection
from handlers.wire import Located
from negotiation.identity import User
from protocol.codes import CLOSE_POLICY, CLOSE_RESTARTING
from protocol.deflate import max_deflated_bytes

PING_S = 25.0
"""Between the pings of RFC 6455; a pong that is overdue by as much ends the connection."""
MAX_FRAME_BYTES = 512 * 1024
"""64 KiB of data may come six times as long, each character escaped, and a little around it."""


class WebSocketWire(StreamWire):
    __slots__ = ("_pinged_s", "end_code", "session")

    def __init__(self, node: Node, link: Link, user: User, address: str, asked: Asked, *, extension: str | None = None):
        """*extension* is what was agreed on (RFC 7692), if anything. Raises ProtocolError."""
        form = WebSocketForm(max_deflated_bytes(extension) if extension else 0)
        super().__init__(node, "websocket", link, user, address, heartbeat_s(asked.parameters, node), form, form)
        self.shows_presence = shows_presence(asked)
        self.end_code = CLOSE_RESTARTING
        self.session = WebSocketSession(self, deflate=extension is not None)
        self._pinged_s = self._since_s

    def start(self, asked: Asked, located: list[Located] | None, head: bytes = b"") -> None:
        """Says what comes first, behind *head*, and begins to follow; *located* where that is known at once."""
        self.begin(head, located or ())
        if located is None and asked.starts:
            self.session.commands().begin(asked.starts)

    def dismiss(self) -> None:
        self.end_code = CLOSE_POLICY
        super().dismiss()

    def end(self) -> None:
        self.session.close(self.end_code)

    def due(self) -> None:
        now_s = time.monotonic()
        if now_s - self._pinged_s >= PING_S:
            self._pinged_s = now_s
            self.session.ping()
        if not self.is_closed:
            super().due()


class WebSocketSession(WebSocketConnection):
    __slots__ = ("_commands", "_wire")

    def __init__(self, wire: WebSocketWire, *, deflate: bool):
        super().__init__(wire.link, MAX_FRAME_BYTES, deflate=deflate)
        self._wire = wire
        self._commands: Commands | None = None

    def commands(self) -> Commands:
        if self._commands is None:
            self._commands = Commands(self._wire._node, self._wire)
        return self._commands

    def on_text(self, text: str) -> Awaitable[None] | None:
        return self.commands().take(text)

    on_binary = on_text  # which refuses it

    def on_ending(self) -> None:
        self._wire.silence()

    def drained(self) -> None:
        super().drained()
        self._wire.drained()

    def closed(self) -> None:
        super().closed()
        self._wire.closed()
        if self._commands is not None:
            self._commands.cancel()
        self._commands = None  # which has the wire, and that has us: together they would wait for the garbage collector
        del self._wire
