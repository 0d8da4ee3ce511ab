"""A WebSocket connection (RFC 6455) on a link: messages, pings, and an end that both sides hear of."""

import asyncio
import time
from collections.abc import Awaitable

from handlers.link import Link
from protocol.websocket import Binary, Close, Fault, Ping, Pong, Receiver, Text
from protocol.websocket_frames import close_frame, ping_frame, pong_frame

CLOSE_S = 5.0
"""For a peer to answer our close frame."""
LINGER_S = 2.0
"""What a peer that broke the protocol still sends is read for so long: closing on unread bytes sends a RST, which takes the
close frame back (RFC 9112 section 9.6 says the same of HTTP)."""
QUIET_S = 0.5
"""Once nothing has come for so long, nothing is on its way: a client that waits for our end of the connection gets it."""


class WebSocketConnection:
    """To be subclassed: what is done with a message. Nothing further is read before that is done."""

    __slots__ = ("_ending", "_has_heard", "_is_waiting", "_receiver", "_unread", "link")

    def __init__(self, link: Link, max_bytes: int, *, deflate: bool = False):
        link.owner = self
        self.link = link
        self._receiver = Receiver(max_bytes, deflate=deflate)
        self._is_waiting = False
        """True while nothing may be read."""
        self._has_heard = True
        """Since the last ping, or while it lingers, since it last looked."""
        self._ending: asyncio.TimerHandle | None = None
        """Set once a close frame was sent."""
        self._unread: asyncio.Future[None] | None = None

    def on_text(self, text: str) -> Awaitable[None] | None:
        """What is returned, has to be done before the next message is read."""
        raise NotImplementedError

    def on_binary(self, data: bytes) -> Awaitable[None] | None:
        raise NotImplementedError

    def on_ending(self) -> None:
        """A close frame was sent: nothing may follow it (section 5.5.1)."""

    def close(self, code: int) -> None:
        """Says so to the peer, and ends the connection once that has answered (section 7.1.2)."""
        if self._ending is None and not self.link.is_closed:
            self._say_close(code)

    def ping(self) -> None:
        """Asks for a sign of life, and ends a connection that gave none since it was last asked (section 5.5.2)."""
        if not self._has_heard:
            self.link.close()
        elif not self.link.is_writing and self._ending is None:  # of a peer that doesn't read TCP tells by itself
            self._has_heard = False
            self.link.write(ping_frame())

    async def until_read(self) -> None:
        """Until everything written so far has left, or the connection is closed."""
        if self.link.is_writing:
            if self._unread is None:
                self._unread = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._unread)

    # what the link tells

    def received(self, data: bytes) -> None:
        self._has_heard = True
        self._receiver.feed(data)
        if not self._is_waiting:
            self._read()

    def drained(self) -> None:
        if self._unread is not None:
            self._unread.set_result(None)
            self._unread = None

    def closed(self) -> None:
        self.drained()
        if self._ending is not None:
            self._ending.cancel()

    # what comes

    def _read(self) -> None:
        while not self._is_waiting and (event := self._receiver.next()) is not None:
            if isinstance(event, Close):
                self._answer(event.code)
            elif isinstance(event, Fault):
                self._say_close(event.code)
                self._linger(time.monotonic() + LINGER_S)
            elif self._ending is None and not isinstance(event, Pong):
                self._take(event)

    def _take(self, event: Text | Binary | Ping) -> None:
        done = None
        if isinstance(event, Text):
            done = self.on_text(event.data)
        elif isinstance(event, Binary):
            done = self.on_binary(event.data)
        else:
            self.link.write(pong_frame(event.data))
            if self.link.is_writing:  # pongs that aren't read must not pile up
                done = self.until_read()
        if done is not None:
            self._is_waiting = True
            self.link.pause()
            asyncio.ensure_future(done).add_done_callback(self._go_on)

    def _go_on(self, _: object) -> None:
        self._is_waiting = False
        if not self.link.is_closed:
            self._read()
            if not self._is_waiting:
                self.link.resume()

    # the end

    def _say_close(self, code: int) -> None:
        """Unless it was said already."""
        if self._ending is None:
            self.link.write(close_frame(code))
            self._end_in(CLOSE_S)

    def _end_in(self, seconds: float) -> None:
        self.on_ending()
        self._ending = asyncio.get_running_loop().call_later(seconds, self.link.close)

    def _answer(self, code: int) -> None:
        if self._ending is None:
            self.link.write(close_frame(code))
        if not self.link.is_writing:
            self.link.close()
            return
        if self._ending is None:
            self._end_in(CLOSE_S)
        asyncio.ensure_future(self.until_read()).add_done_callback(lambda _: self.link.close())

    def _linger(self, until_s: float) -> None:
        """Of a peer that broke the protocol, and is perhaps still sending."""
        loop = asyncio.get_running_loop()
        if self._ending is not None:
            self._ending.cancel()
        if self._has_heard and loop.time() < until_s:
            self._has_heard = False
            self._ending = loop.call_later(QUIET_S, self._linger, until_s)
        else:
            self.link.close()
