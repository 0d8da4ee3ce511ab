"""The commands of a WebSocket: what a client asks for, in the order in which it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Coroutine
from typing import TYPE_CHECKING, Any

from handlers.base import encode
from handlers.node import Node
from handlers.publishing import Publisher
from handlers.wire import PING, locate, retry_ms
from negotiation.offer import MAX_CHANNELS
from protocol.codes import CLOSE_OVERLOADED, CLOSE_POLICY, ProtocolError, Refusal, Unavailable
from protocol.frames import Ping, Publish, Ref, Signal, Subscribe, Unsubscribe, parse_command, ref_of
from protocol.positions import Start, parse_channel, parse_start

if TYPE_CHECKING:
    from handlers.websocket_wire import WebSocketWire

MAX_WAITING = 1000
"""Commands of one connection that wait for their answer; beyond it nothing more is read. Refusing instead would let
what comes after a refused publish overtake it."""


class Commands:
    """Of one connection, from its first command on."""

    def __init__(self, node: Node, wire: WebSocketWire):
        self.node = node
        self.wire = wire
        self._publisher = Publisher(node)
        self._order = asyncio.Lock()
        self._waiting: set[asyncio.Task[None]] = set()
        self._joining: dict[str, list[Publish]] = {}
        """Channels with a subscribe under way, and the publishes that came after it: they have to see it take effect."""
        self._held = 0
        self._room = asyncio.Event()

    def begin(self, starts: dict[str, Start]) -> None:
        """Subscribes to what the URL asked for."""
        self._join(starts, self._subscribe_first(starts))

    def take(self, message: str | bytes) -> Awaitable[None] | None:
        """Begins what a message asks for; no further one is to be read before what is returned is done."""
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
            case Publish() if command.channel in self._joining:
                self._joining[command.channel].append(command)
                self._held += 1
            case Publish():
                self._start(self._publish(command))
            case Signal():
                self._start(self._signal(command))
            case Subscribe():
                self._join([command.channel], self._subscribe(command))
            case Unsubscribe():
                self._start(self._unsubscribe(command))
        return self._before_next()

    def cancel(self) -> None:
        """The client has left."""
        for task in list(self._waiting):
            task.cancel()

    def _start(self, work: Any) -> None:
        """Tasks begin in the order of their commands, so what they do before their first await is in that order too."""
        task = asyncio.ensure_future(work)
        self._waiting.add(task)
        task.add_done_callback(self._ended)

    def _join(self, channels: Collection[str], work: Coroutine[Any, Any, None]) -> None:
        """What is published meanwhile begins at its end, all at once: one that waited by itself could be overtaken by the next."""
        held: list[Publish] = []
        self._joining.update(dict.fromkeys(channels, held))

        async def join() -> None:
            try:
                await work
            except asyncio.CancelledError:
                held.clear()
                raise
            finally:
                for channel in channels:
                    if self._joining.get(channel) is held:
                        del self._joining[channel]
                self._held -= len(held)
                for command in held:
                    self._start(self._publish(command))

        self._start(join())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._waiting.discard(task)
        if len(self._waiting) <= MAX_WAITING // 2:
            self._room.set()

    def _before_next(self) -> Awaitable[None] | None:
        """What has to happen before the next command is read."""
        if len(self._waiting) + self._held >= MAX_WAITING:
            return self._until_room()
        return self.wire.session.until_read() if self.wire.is_clogged else None

    async def _until_room(self) -> None:
        self._room.clear()
        await self._room.wait()

    async def _subscribe_first(self, starts: dict[str, Start]) -> None:
        async with self._order:
            try:
                located, errors = await locate(self.node, self.wire.user, starts)
            except Unavailable as error:
                self._give_up(error)
                return
            for event in errors:
                self.wire.control(event)
            self.wire.attach(located)

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
                self.wire.attach([one])

    async def _unsubscribe(self, command: Unsubscribe) -> None:
        async with self._order:
            try:
                self.wire.detach(parse_channel(command.channel))
            except ProtocolError as error:
                self._answer(command.ref, command.channel, error)
            else:
                self._answer(command.ref, command.channel)

    async def _publish(self, command: Publish) -> None:
        try:
            receipt = await self._publisher.publish(self.wire.user, command.channel, command.id, command.data)
        except Refusal as error:
            self._answer(command.ref, command.channel, error, id=command.id)
            if self._publisher.is_flooding:
                self.wire.session.close(CLOSE_POLICY)
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
        self.wire.end_code = CLOSE_OVERLOADED
        self.wire.goaway(retry_ms(error))
