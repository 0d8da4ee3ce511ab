"""What stands before Tornado: it takes every connection, and serves the plain requests that open a wire by itself.

Such a request is read, its visitor recognised and its channels found, without a handler and without a coroutine: a
connection costs what its objects weigh, and a held poll is answered with bytes that all others get, too. Whatever is not
plain, not allowed or not in memory, is passed on to Tornado's handlers, with the bytes that were read, as if nothing had
been before it. So nothing here refuses anything.
"""

import asyncio
import functools
import re
import socket
import time

import tornado.httpserver
import tornado.netutil
from tornado.iostream import IOStream

from handlers.asked import Asked, ask, heartbeat_s
from handlers.forms import PollForm
from handlers.http1 import MAX_HEAD_BYTES, Head, answer, head, may_be_head, parse_head
from handlers.link import Poller, SocketLink, notice_dead_peers
from handlers.node import Node
from handlers.poll_wire import PollWire, check, hold_s, resumed
from handlers.sse import HEADERS, SseWire
from handlers.sse import check as check_sse
from handlers.stream_link import Resumed, taken_over
from handlers.visit import Visit, fields, visit
from handlers.websocket import agreed_extension, check_handshake, handshake
from handlers.websocket_wire import WebSocketWire
from handlers.wire import locate_now
from protocol.codes import Refusal
from protocol.session import Read

IDLE_S = 120.0
"""How long a connection may send no request, or a request no head."""
_SSE_LINES = "".join(f"{name}: {value}\r\n" for name, value in {**HEADERS, "X-Content-Type-Options": "nosniff"}.items()).encode()
_AGAIN = re.compile(rb"GET (/v1/long-poll|/v1/short-poll)\?([!-~]*) HTTP/1\.1\r\n")


class Unusual(Exception):
    """This is for Tornado."""


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
        try:
            notice_dead_peers(connection)
        except OSError:  # it has gone already
            connection.close()
            return
        Caller(self, SocketLink(connection, self.poller), address)


def _stop(listening: socket.socket, remove: "functools.partial[None]") -> None:
    remove()
    listening.close()


class Caller:
    """One connection, from one request to the next."""

    __slots__ = ("_address", "_buffered", "_front", "_heard_s", "_known", "_poll", "_visit", "link", "tick")

    def __init__(self, front: Front, link: SocketLink, address: tuple[str, int]):
        self.tick = 0
        self._front = front
        self._address = address
        self._buffered = b""
        self._known = b""
        """The fields of the last request, and who was recognised by them."""
        self._visit: Visit | None = None
        self._poll: HeldPoll | None = None
        self._heard_s = time.monotonic()
        self.link = link
        link.owner = self
        front.node.wheel.set(self, IDLE_S)

    def received(self, data: bytes) -> None:
        self._buffered = data = self._buffered + data if self._buffered else data
        if self._poll is not None:
            if len(data) > MAX_HEAD_BYTES:
                self.link.close()
        elif not may_be_head(data):
            self._pass_on()
        elif b"\r\n\r\n" in data:
            try:
                self._serve(data)
            except (Unusual, Refusal):
                self._pass_on()
        elif len(data) > MAX_HEAD_BYTES:
            self._pass_on()

    def drained(self) -> None:
        pass

    def closed(self) -> None:
        self._front.node.wheel.unset(self)
        if self._poll is not None:
            self._poll.on_closed()
            self._poll = None

    def due(self) -> None:
        """Who says nothing for too long is let go."""
        quiet_s = time.monotonic() - self._heard_s
        if self._poll is None and quiet_s >= IDLE_S:
            self.link.close()
        else:
            self._front.node.wheel.set(self, IDLE_S if self._poll is not None else IDLE_S - quiet_s)

    def answer(self, data: bytes) -> None:
        """The poll was answered; the next request may be here already."""
        self._poll = None
        self._heard_s = time.monotonic()
        self.link.write(data)
        if self._buffered:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        if self._poll is None and not self.link.is_closed:
            self.received(b"")

    def _pass_on(self) -> None:
        """To Tornado, with what was read."""
        node, http = self._front.node, self._front.http
        node.wheel.unset(self)
        connection = self.link.release()
        if connection is not None:
            stream = Resumed(connection, self._buffered, max_buffer_size=http.max_buffer_size, read_chunk_size=http.read_chunk_size)
            http.handle_stream(stream, self._address)

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
            self._hold(found.path[4:], seen, asked, fields(seen, node))
            if "Last-Event-ID" not in found.headers:
                self._known, self._visit = found.fields + b"\r\n", seen

    def _serve_again(self, data: bytes, seen: Visit) -> bool:
        """The same client goes on: nothing of its head but the query is another. It isn't told who it is."""
        found = _AGAIN.match(data)
        if found is None or data[found.end() :] != self._known:
            return False
        self._front.node.admit(seen.outside.address)
        asked = ask(found[2].decode("ascii"), None)
        cors = fields(seen._replace(is_new=False), self._front.node)
        return self._hold(found[1][4:].decode("ascii"), seen, asked, cors, goes_on=True)

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

    def _hold(self, transport: str, seen: Visit, asked: Asked, lines: bytes, *, goes_on: bool = False) -> bool:
        """Answers a poll, now or later. False where it would have to be told who it is, although it *goes_on*."""
        node = self._front.node
        wants_hello, may_hold_s = check(asked), hold_s(transport, asked, node)
        located = locate_now(node, seen.user, asked.starts)
        if located is None:
            raise Unusual
        is_told = wants_hello or not all(map(resumed, located))
        if is_told and goes_on:
            return False
        poll = HeldPoll(node, transport, seen, self, lines, len(located) == 1 and may_hold_s > 0)
        try:
            poll.attach(located)
            messages = poll.collect_now()
            if isinstance(messages, Read):
                raise Unusual
            node.locates.take(seen.user.id, len(asked.starts))
        except (Unusual, Refusal):
            poll.on_closed()
            raise
        if is_told:
            poll.greet([])
        self._buffered = b""
        self._poll = poll
        if messages or poll.events or not may_hold_s:
            first, poll.events = poll.events, []
            poll.finish(first, messages)
        else:
            poll.hold(may_hold_s)
        return True


class HeldPoll(PollWire):
    """A poll without a coroutine. One that follows a single channel is answered by what the fan-out sends all of them."""

    __slots__ = ("_caller", "_is_woken", "_lines")

    def __init__(self, node: Node, transport: str, seen: Visit, caller: Caller, lines: bytes, is_shared: bool):
        super().__init__(node, transport, seen.user, seen.outside.address)
        self._caller = caller
        self._is_woken = True
        self._lines = lines
        if is_shared:
            self.form = PollForm(lines)
            self.link = self

    def hold(self, for_s: float) -> None:
        """There is nothing yet."""
        self._is_woken = False
        self._node.wheel.set(self, for_s)

    def send(self, data: bytes) -> int:
        """What the fan-out calls, with the whole answer."""
        self.on_closed()
        self._caller.answer(data)
        return len(data)

    def rest(self, data: bytes) -> None:
        raise AssertionError("send takes all")

    def wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._look)

    def due(self) -> None:
        if self._caller._poll is self:
            messages = self.collect_now()
            self.finish([], [] if isinstance(messages, Read) else messages)

    def finish(self, first: list[bytes], messages: list[bytes]) -> None:
        data = answer(b"application/json", self.body(first, messages), self._lines)
        self.on_closed()
        self._caller.answer(data)

    def _look(self) -> None:
        self._is_woken = False
        if self._caller._poll is self:
            messages = self.collect_now()
            if isinstance(messages, Read) or messages or self.events:
                self.finish([], [] if isinstance(messages, Read) else messages)  # what has to be read, is so by the next request
