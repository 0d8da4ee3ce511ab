"""A link by Tornado's own stream: for TLS, for what Tornado has read ahead on, and where there is no epoll."""

import asyncio
import contextlib
import logging
import socket
from typing import Any

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from handlers.link import READ_BYTES, Link, Owner, Poller, SocketLink, notice_dead_peers
from handlers.node import Node

logger = logging.getLogger("anywire.link")


def link_of(stream: IOStream, node: Node) -> Link:
    """The best link for a connection that Tornado has led so far; its owner is to be set before the next turn of the loop."""
    if node.poller is None or not isinstance(stream, IOStream) or isinstance(stream, SSLIOStream) or stream.closed() or stream.writing():
        return StreamLink(stream)
    return taken_over(stream, node.poller)


def taken_over(stream: IOStream, poller: Poller) -> SocketLink:
    """The socket of *stream*, which is left empty; what it has read ahead comes first. Of Tornado's own parts, whose version is pinned."""
    stream.set_close_callback(None)
    if stream._state is not None:
        stream.io_loop.remove_handler(stream.socket)
    stream._closed = True
    link = SocketLink(stream.socket, poller)
    ahead = bytes(stream._read_buffer) + (stream.first if isinstance(stream, Resumed) else b"")
    if ahead:
        asyncio.get_running_loop().call_soon(lambda: link.is_closed or link.owner.received(ahead))
    return link


class Resumed(IOStream):
    """A stream whose first bytes were read already."""

    def __init__(self, connection: socket.socket, first: bytes, **options: Any):
        super().__init__(connection, **options)
        self.first = first
        """What Tornado hasn't asked for yet."""

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        if not self.first:
            return super().read_from_fd(buf)
        size = min(len(buf), len(self.first))
        buf[:size] = self.first[:size]
        self.first = self.first[size:]
        return size


class StreamLink:
    owner: Owner

    def __init__(self, stream: IOStream):
        self._stream = stream
        self._is_queued = False
        """True until the owner is told that all has left: several writes may end at the same time."""
        self._may_read = asyncio.Event()
        self._may_read.set()
        stream.set_close_callback(self._closed)
        if stream.socket is not None:
            with contextlib.suppress(OSError):  # it has gone already
                notice_dead_peers(stream.socket)
        self._reading = asyncio.ensure_future(self._read())

    @property
    def is_writing(self) -> bool:
        return self._stream.writing()

    @property
    def is_closed(self) -> bool:
        return self._stream.closed()

    def send(self, data: bytes) -> int:
        if self._stream.writing() or self._stream.closed():
            return 0
        self.write(data)
        return len(data)

    def write(self, data: bytes) -> None:
        with contextlib.suppress(StreamClosedError):  # its end is told in a moment
            written = self._stream.write(data)
            if self._stream.writing():
                self._is_queued = True
                written.add_done_callback(self._drained)

    rest = write

    def pause(self) -> None:
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    def close(self) -> None:
        self._stream.close()

    def _drained(self, written: "asyncio.Future[None]") -> None:
        if not written.cancelled() and written.exception() is None and self._is_queued and not self._stream.writing():
            self._is_queued = False
            self.owner.drained()

    def _closed(self) -> None:
        self._reading.cancel()
        self.owner.closed()

    async def _read(self) -> None:
        with contextlib.suppress(StreamClosedError):
            while True:
                data = await self._stream.read_bytes(READ_BYTES, partial=True)
                await self._may_read.wait()
                try:
                    self.owner.received(data)
                except Exception:  # noqa: BLE001 - as the poller does
                    logger.exception("a connection is given up")
                    self.close()
                    return
