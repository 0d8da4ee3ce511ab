"""One bare connection at the front, from one request to the next."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING

from handlers.asked import Asked, ask, heartbeat_s, shows_presence
from handlers.held_poll import HeldPoll
from handlers.http1 import MAX_HEAD_BYTES, Head, head, may_be_head, parse_head
from handlers.link import SocketLink
from handlers.overload import refused
from handlers.poll_wire import asks_for_hello, check, hold_s, resumed
from handlers.sse import HEADERS, SseWire
from handlers.sse import check as check_sse
from handlers.stream_link import Resumed
from handlers.visit import Visit, fields, visit
from handlers.websocket import agreed_extension, check_handshake, handshake
from handlers.websocket_wire import WebSocketWire
from handlers.wire import is_current, locate_now
from negotiation.identity import User
from protocol.codes import Refusal, Unavailable
from protocol.session import Read

if TYPE_CHECKING:
    from handlers.front import Front

NOBODY = User("", "")
"""May read what anybody may."""

logger = logging.getLogger("anywire.http")

IDLE_S = 120.0
"""How long a connection may send no request, or a request no head."""
_SSE_LINES = "".join(f"{name}: {value}\r\n" for name, value in {**HEADERS, "X-Content-Type-Options": "nosniff"}.items()).encode()
_WIRE = re.compile(rb"GET /v1/(?:websocket|sse|long-poll|short-poll)[? ]")
_AGAIN = re.compile(rb"GET (/v1/long-poll|/v1/short-poll)\?([!-~]*) HTTP/1\.1\r\n")


class Unusual(Exception):
    """This is for Tornado."""


class Caller:
    """One connection, from one request to the next."""

    __slots__ = ("_address", "_buffered", "_front", "_heard_s", "_is_waiting", "_known", "_lines", "_poll", "_visit", "link", "tick")

    def __init__(self, front: Front, link: SocketLink, address: tuple[str, int]):
        self.tick = 0
        self._front = front
        self._address = address
        self._buffered = b""
        self._known = b""
        """The fields of the last request, and who was recognised by them."""
        self._visit: Visit | None = None
        self._lines = b""
        self._poll: HeldPoll | None = None
        self._is_waiting = False
        """For its turn to be served."""
        self._heard_s = time.monotonic()
        self.link = link
        link.owner = self
        front.node.wheel.set(self, IDLE_S)

    def received(self, data: bytes) -> None:
        self._buffered = data = self._buffered + data if self._buffered else data
        if self._poll is not None or self._is_waiting or self.link.is_writing:  # one request at a time
            if len(data) > MAX_HEAD_BYTES:
                self.link.pause()
        elif not may_be_head(data):
            self._pass_on()
        elif b"\r\n\r\n" in data:
            if self._visit is not None and data.endswith(self._known):  # it was let in before
                self._serve_or_pass_on(data)
            elif _WIRE.match(data):
                self._queue(data)
            else:
                self._pass_on()
        elif len(data) > MAX_HEAD_BYTES:
            self._pass_on()

    def serve(self) -> None:
        """It is its turn."""
        self._is_waiting = False
        if self.link.is_closed:
            return
        try:
            self.link.resume()
            self._serve_or_pass_on(self._buffered)
        except Exception:  # noqa: BLE001 - as the poller does
            logger.exception("a connection is given up")
            self.link.close()

    def drained(self) -> None:
        self._next()

    def closed(self) -> None:
        self._front.node.wheel.unset(self)
        if self._poll is not None:
            self._poll.on_closed()
            self._poll = None

    def due(self) -> None:
        """Who says nothing for too long is let go; a poll that was held for long enough is answered."""
        now_s, poll = time.monotonic(), self._poll
        until_s = self._heard_s + IDLE_S if poll is None else poll.until_s
        if until_s > now_s:
            self._front.node.wheel.set(self, until_s - now_s)
        elif poll is None:
            self.link.close()
        else:
            self._front.node.wheel.set(self, IDLE_S)
            poll.expire()

    def wait_for(self, poll: HeldPoll) -> None:
        """Its request is being answered."""
        self._buffered = b""
        self._poll = poll

    def waits_for(self, poll: HeldPoll) -> bool:
        return self._poll is poll

    def expect(self, within_s: float) -> None:
        """`due` is to be called by then, at the latest."""
        self._front.node.wheel.hasten(self, within_s)

    def answer(self, data: bytes) -> None:
        """The poll was answered; the next request may be here already."""
        self._poll = None
        self._heard_s = time.monotonic()
        self.link.write(data)
        if self._buffered:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """What came behind the last request is the next one, or its beginning."""
        if self._buffered and self._poll is None and not self._is_waiting and not self.link.is_closed:
            self.link.resume()
            self.received(b"")

    def _pass_on(self) -> None:
        """To Tornado, with what was read."""
        node, http = self._front.node, self._front.http
        node.wheel.unset(self)
        connection = self.link.release()
        if connection is not None:
            stream = Resumed(connection, self._buffered, max_buffer_size=http.max_buffer_size, read_chunk_size=http.read_chunk_size)
            http.handle_stream(stream, self._address)

    def _queue(self, data: bytes) -> None:
        """Takes its place among those who came, or refuses what would wait for too long there: at once, and with next to no work."""
        try:
            self._front.node.admission.take(self)
        except Unavailable as error:
            self.link.write(refused(error, data, self._address[0], self._front.node))
            if not self.link.is_writing:
                self.link.close()
        else:
            self._is_waiting = True

    def _serve_or_pass_on(self, data: bytes) -> None:
        try:
            self._serve(data)
        except (Unusual, Refusal):
            self._pass_on()
        except Exception:
            if self.link.owner is not self:
                raise
            logger.exception("a request is left to Tornado")
            self._pass_on()

    def _serve(self, data: bytes) -> None:
        if self._visit is not None and self._serve_again(data, self._visit):
            return
        found = parse_head(data, self._address[0])
        if found is None:
            raise Unusual
        if found.path.rpartition("/")[2] not in self._front.node.settings.transports:
            raise Unusual
        node = self._front.node
        seen = visit(found, node)
        node.admit(seen.outside.address)
        asked = ask(found.query, found.headers.get("Last-Event-ID"))
        if found.path == "/v1/websocket":
            self._open_websocket(found, seen, asked, data[found.size :])
        elif len(data) > found.size:
            raise Unusual
        elif found.path == "/v1/sse":
            self._open_sse(seen, asked)
        else:
            self._lines = fields(seen, node)
            self._hold(found.path[4:], seen, asked)
            if "Last-Event-ID" not in found.headers:
                self._remember(found, seen)

    def _remember(self, found: Head, seen: Visit) -> None:
        """Whoever sends the same fields again is the same visitor, if they named one. If they didn't, it is nobody: a proxy may
        send the requests of several visitors on one connection."""
        seen = seen._replace(user=NOBODY, is_new=False) if seen.is_new else seen
        self._known, self._visit = found.fields + b"\r\n", seen
        self._lines = fields(seen, self._front.node)

    def _serve_again(self, data: bytes, seen: Visit) -> bool:
        """The same client goes on: nothing of its head but the query is another. It isn't told who it is, so False where it
        would have to be."""
        found = _AGAIN.match(data)
        if found is None or data[found.end() :] != self._known:
            return False
        node = self._front.node
        node.admit(seen.outside.address)
        transport, asked = found[1][4:].decode("ascii"), ask(found[2].decode("ascii"), None)
        if transport not in node.settings.transports:
            return False
        may_hold_s = hold_s(transport, asked, node)
        if len(asked.starts) == 1 and may_hold_s and not asks_for_hello(asked):
            ((channel, start),) = asked.starts.items()
            log = is_current(node, seen.user, channel, start)
            if log is not None and not shows_presence(asked) and not node.dismissed:
                self._charge(seen, 1)
                poll = HeldPoll(node, transport, seen, self, self._lines, True)
                poll.attachment.join(log)
                poll.hold(may_hold_s)
                return True
        return self._hold(transport, seen, asked, goes_on=True)

    def _charge(self, seen: Visit, channels: int) -> None:
        """Nobody has nothing that could be spent: who comes without a cookie is somebody else each time. Raises ProtocolError."""
        if seen.user is not NOBODY:
            self._front.node.locates.take(seen.user.id, channels)

    def _open_websocket(self, found: Head, seen: Visit, asked: Asked, rest: bytes) -> None:
        node = self._front.node
        check_handshake(found.headers, found.version)
        heartbeat_s(asked.parameters, node)
        node.locates.take(seen.user.id, len(asked.starts))
        located = locate_now(node, seen.user, asked.starts)
        extension = agreed_extension(found.headers, node.settings.deflate)
        node.wheel.unset(self)
        wire = WebSocketWire(node, self.link, seen.user, seen.outside.address, asked, extension=extension)
        wire.start(asked, located, handshake(found.headers, extension, fields(seen, node)))
        if rest:
            wire.session.received(rest)

    def _open_sse(self, seen: Visit, asked: Asked) -> None:
        node = self._front.node
        check_sse(asked)
        heartbeat_s(asked.parameters, node)
        node.locates.take(seen.user.id, len(asked.starts))
        located = locate_now(node, seen.user, asked.starts)
        node.wheel.unset(self)
        wire = SseWire(node, self.link, seen.user, seen.outside.address, asked, is_chunked=True)
        wire.start(asked, located, head(b"200 OK", b"Transfer-Encoding: chunked\r\n" + _SSE_LINES + fields(seen, node)))

    def _hold(self, transport: str, seen: Visit, asked: Asked, *, goes_on: bool = False) -> bool:
        """Answers a poll, now or later. False where it would have to be told who it is, although it *goes_on*."""
        node = self._front.node
        check(asked)
        may_hold_s = hold_s(transport, asked, node)
        located = locate_now(node, seen.user, asked.starts)
        if located is None:
            raise Unusual
        is_told = asks_for_hello(asked) or not all(map(resumed, located))
        if is_told and goes_on:
            return False
        is_shared = len(located) == 1 and may_hold_s > 0 and not shows_presence(asked)
        poll = HeldPoll(node, transport, seen, self, self._lines, is_shared)
        try:
            poll.attach(located)
            messages = poll.collect_now()
            if isinstance(messages, Read):
                raise Unusual
            self._charge(seen, len(asked.starts))
        except Exception:
            poll.on_closed()
            raise
        if is_told:
            poll.greet([])
        poll.watch(asked, is_told)
        if messages or poll.events or not may_hold_s:
            first, poll.events = poll.events, []
            poll.begin()
            poll.finish(first, messages)
        else:
            poll.hold(may_hold_s)
        return True
