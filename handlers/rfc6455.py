"""RFC 6455 to the letter, where Tornado's own protocol is lenient or ends a connection without a word.

It leans on methods that Tornado keeps to itself; its exact version is pinned, and the tests send every frame that matters here.
"""

import asyncio
import contextlib
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13

PROTOCOL_ERROR = 1002
INVALID_TEXT = 1007
"""RFC 6455 section 7.4.1."""
LINGER_S = 2.0
"""What a peer still sends after our close frame is read for so long: closing on unread bytes sends a RST, which takes the
close frame back (RFC 9112 section 9.6 says the same of HTTP)."""
QUIET_S = 0.5
"""Once nothing has come for so long, nothing is on its way: a client that waits for our end of the connection gets it."""


class StrictProtocol(WebSocketProtocol13):
    _lingering: "asyncio.Task[None] | None" = None

    async def _receive_frame(self) -> None:
        self._frame_mask = None
        await super()._receive_frame()
        if self._frame_mask is None and not self.is_closing():
            self._abort()  # section 5.1: a fragment without mask, which _handle_message doesn't get to see

    def _handle_message(self, opcode: int, data: bytes) -> Any:
        if self.is_closing():
            return super()._handle_message(opcode, data)
        if self._frame_mask is None:
            return self._abort()
        if opcode == 0x1 and not _is_text(data):
            self.close(INVALID_TEXT)
            return self._abort()
        if opcode == 0x8 and data:
            if not _is_text(data[2:]):
                self.close(INVALID_TEXT)
                return self._abort()
            if len(data) == 1 or not _may_be_sent(int.from_bytes(data[:2])):
                return self._abort()
        handled = super()._handle_message(opcode, data)
        if opcode == 0x9 and self.stream.writing():
            return self.stream.write(b"")  # pongs that aren't read must not pile up: nothing further is read before they have left
        return handled

    def _abort(self) -> None:
        """Ends the connection; a peer that is to blame, and still listens, is told first."""
        if self.stream.closed() or self.stream.reading():
            super()._abort()
            return
        if self._lingering is not None:
            return  # which ends it
        self.close(PROTOCOL_ERROR)  # nothing, where another code was sent already
        self.client_terminated = True
        self._lingering = asyncio.ensure_future(self._linger())

    async def _linger(self) -> None:
        with contextlib.suppress(StreamClosedError, TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while True:
                    async with asyncio.timeout(QUIET_S):
                        await self.stream.read_bytes(65536, partial=True)
        super()._abort()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _may_be_sent(code: int) -> bool:
    """Section 7.4: the codes that are registered for close frames, and those for applications."""
    return 1000 <= code <= 1014 and code not in (1004, 1005, 1006) or 3000 <= code <= 4999
