"""A link by Tornado's own stream: for TLS, for what Tornado has read ahead on, and where there is no epoll."""

import asyncio
import contextlib

from tornado.iostream import IOStream, StreamClosedError

from handlers.link import READ_BYTES, Owner


class StreamLink:
    def __init__(self, stream: IOStream, owner: Owner):
        self.owner = owner
        self._stream = stream
        self._may_read = asyncio.Event()
        self._may_read.set()
        stream.set_close_callback(self._closed)
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
                written.add_done_callback(self._drained)

    rest = write

    def pause(self) -> None:
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    def close(self) -> None:
        self._stream.close()

    def _drained(self, written: "asyncio.Future[None]") -> None:
        if not written.cancelled() and written.exception() is None and not self._stream.writing():
            self.owner.drained()

    def _closed(self) -> None:
        self._reading.cancel()
        self.owner.closed()

    async def _read(self) -> None:
        with contextlib.suppress(StreamClosedError):
            while True:
                data = await self._stream.read_bytes(READ_BYTES, partial=True)
                await self._may_read.wait()
                self.owner.received(data)
