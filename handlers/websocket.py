"""WebSocket (RFC 6455), subprotocol anywire.v1: events come down, commands go up."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Collection, Coroutine
from typing import Any

from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from handlers.base import encode
from handlers.publishing import Publisher
from handlers.rfc6455 import StrictProtocol
from handlers.stream_wire import StreamWire
from handlers.wire import PING, Wire, heartbeat_s, locate, retry_ms
from negotiation.offer import MAX_CHANNELS
from protocol.codes import CLOSE_OVERLOADED, CLOSE_POLICY, CLOSE_RESTARTING, ProtocolError, Refusal, Unavailable
from protocol.frames import Ping, Publish, Ref, Signal, Subscribe, Unsubscribe, parse_command, ref_of
from protocol.message import websocket_frame
from protocol.positions import parse_channel, parse_start

SUBPROTOCOL = "anywire.v1"
MAX_FRAME_BYTES = 512 * 1024
"""64 KiB of data may come six times as long, each character escaped, and a little around it."""
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
"""16 bytes in base64 (RFC 6455 section 4.2.1)."""
MAX_WAITING = 1000
"""Commands of one connection that wait for their answer; beyond it nothing more is read. Refusing instead would let
what comes after a refused publish overtake it."""

logger = logging.getLogger("anywire.wire")


class WebSocket(Wire, WebSocketHandler):
    transport = "websocket"
    wire: StreamWire | None = None

    async def get(self, *args: Any, **kwargs: Any) -> None:
        parameters = self.parameters()
        self.starts = self.subscriptions(parameters)
        self.beat_s = heartbeat_s(parameters, self.node)
        self.node.locates.take(self.user.id, len(self.starts))
        headers = self.request.headers
        upgrades = {part.strip().lower() for part in headers.get("Connection", "").split(",")}
        if headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in upgrades:
            raise ProtocolError("bad-request", "This address speaks WebSocket only (RFC 6455).")
        if self.request.version == "HTTP/1.0":
            raise ProtocolError("bad-request", "A WebSocket begins with a request of HTTP/1.1 or later.")  # RFC 6455 section 4.1
        if headers.get("Sec-WebSocket-Version") != "13" or not _KEY.fullmatch(headers.get("Sec-WebSocket-Key", "")):
            raise ProtocolError("bad-request", "The handshake is not one of WebSocket version 13.")
        # Tornado's own get() would check all this once more, and refuse in plain text; prepare() has checked the origin
        self.open_args, self.open_kwargs = args, kwargs
        self.ws_connection = self.get_websocket_protocol()
        await self.ws_connection.accept_connection(self)

    def refuse(self, error: Refusal) -> None:
        self.set_header("Sec-WebSocket-Version", "13")  # RFC 6455 section 4.4
        super().refuse(error)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        protocol = super().get_websocket_protocol()
        return StrictProtocol(self, False, protocol.params) if isinstance(protocol, WebSocketProtocol13) else protocol

    async def open(self, *args: str, **kwargs: str) -> None:
        assert isinstance(self.ws_connection, WebSocketProtocol13)
        self.wire = StreamWire(
            self.node,
            self.transport,
            self.ws_connection.stream,
            self.user,
            self.outside.address,
            self.network(),
            self.beat_s,
            encode_item=lambda item: item.message.websocket,
            encode_control=websocket_frame,
            shared=lambda message: message.websocket,
        )
        self.wire.end = lambda: self.close(CLOSE_RESTARTING)
        self._publisher = Publisher(self.node)
        self._order = asyncio.Lock()
        self._waiting: set[asyncio.Task[None]] = set()
        self._joining: dict[str, asyncio.Event] = {}
        """Channels with a subscribe under way, and what tells its end: a publish that came after it has to see it take effect."""
        self._room = asyncio.Event()
        self.wire.greet()
        if self.starts:
            self._join(self.starts, self._subscribe_first())

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Tornado reads no further frame before what this returns is done."""
        assert self.wire is not None
        try:
            if isinstance(message, bytes):
                raise ProtocolError("bad-request", "Commands are text frames.")
            command = parse_command(message)
        except ProtocolError as error:
            ref, channel = (None, None) if isinstance(message, bytes) else ref_of(message)
            self.wire.refuse(error, channel=channel, ref=ref)
            return self._before_next()
        match command:
            case Ping():
                self.wire.control(PING)
                if command.ref is not None:
                    self.wire.control(encode({"type": "ack", "ref": command.ref}))
            case Publish():
                self._start(self._publish(command))
            case Signal():
                self._start(self._signal(command))
            case Subscribe():
                self._join([command.channel], self._subscribe(command))
            case Unsubscribe():
                self._start(self._unsubscribe(command))
        return self._before_next()

    def on_close(self) -> None:
        if self.wire is not None:
            self.wire.on_closed()
            for task in list(self._waiting):
                task.cancel()

    def _start(self, work: Any) -> None:
        """Tasks begin in the order of their commands, so what they do before their first await is in that order too."""
        task = asyncio.ensure_future(work)
        self._waiting.add(task)
        task.add_done_callback(self._ended)

    def _join(self, channels: Collection[str], work: Coroutine[Any, Any, None]) -> None:
        done = asyncio.Event()
        self._joining.update(dict.fromkeys(channels, done))

        async def join() -> None:
            try:
                await work
            finally:
                done.set()
                for channel in channels:
                    if self._joining.get(channel) is done:
                        del self._joining[channel]

        self._start(join())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._waiting.discard(task)
        if len(self._waiting) <= MAX_WAITING // 2:
            self._room.set()

    def _before_next(self) -> Awaitable[None] | None:
        """What has to happen before the next command is read."""
        if len(self._waiting) >= MAX_WAITING:
            return self._until_room()
        return self.wire.until_read() if self.wire.is_clogged else None

    async def _until_room(self) -> None:
        self._room.clear()
        await self._room.wait()

    async def _subscribe_first(self) -> None:
        async with self._order:
            try:
                located, errors = await locate(self.node, self.user, self.starts)
            except Unavailable as error:
                self._give_up(error)
                return
            for event in errors:
                self.wire.control(event)
            for one in located:
                self.wire.attach(one)

    async def _subscribe(self, command: Subscribe) -> None:
        async with self._order:
            try:
                channel = parse_channel(command.channel)
                start = parse_start(command.after or "", "after")
                subscriptions = self.wire.attachment.subscriptions
                if channel not in subscriptions and len(subscriptions) >= MAX_CHANNELS:
                    raise ProtocolError("bad-request", f"A connection has at most {MAX_CHANNELS} channels.", field="channel")
                self.node.locates.take(self.wire.user.id)
                located, errors = await locate(self.node, self.wire.user, {channel: start}, ref=command.ref)
            except ProtocolError as error:
                self._answer(command.ref, command.channel, error)
                return
            except Unavailable as error:
                self._give_up(error, command)
                return
            for event in errors:
                self.wire.control(event)
            for one in located:
                self._answer(command.ref, channel)
                self.wire.attach(one)

    async def _unsubscribe(self, command: Unsubscribe) -> None:
        async with self._order:
            try:
                self.wire.attachment.detach(parse_channel(command.channel))
            except ProtocolError as error:
                self._answer(command.ref, command.channel, error)
            else:
                self._answer(command.ref, command.channel)

    async def _publish(self, command: Publish) -> None:
        if (joining := self._joining.get(command.channel)) is not None:
            await joining.wait()
        try:
            receipt = await self._publisher.publish(self.wire.user, command.channel, command.id, command.data)
        except Refusal as error:
            self._answer(command.ref, command.channel, error, id=command.id)
            if self._publisher.is_flooding:
                self.close(CLOSE_POLICY)
        else:
            if command.ref is not None:
                self.wire.control(encode({"type": "ack", "ref": command.ref, **receipt._asdict()}))

    async def _signal(self, command: Signal) -> None:
        try:
            self._publisher.signal(self.wire.user, command.channel, command.data)
        except ProtocolError as error:
            self._answer(command.ref, command.channel, error)
        else:
            self._answer(command.ref, command.channel)

    def _answer(self, ref: Ref, channel: str, error: Refusal | None = None, id: str | None = None) -> None:
        if error is not None:
            self.wire.refuse(error, channel=channel, ref=ref, id=id)
        elif ref is not None:
            self.wire.control(encode({"type": "ack", "ref": ref, "channel": channel}))

    def _give_up(self, error: Unavailable, command: Subscribe | None = None) -> None:
        """The log is away: this client does better to come again than to wait on a wire that follows nothing."""
        self.wire.refuse(error, channel=command and command.channel, ref=command and command.ref)
        self.wire.end = lambda: self.close(CLOSE_OVERLOADED)
        self.wire.goaway(retry_ms(error))
