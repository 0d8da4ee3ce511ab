"""The other workers of this host: what one tells, the others hear at once.

Each listens on a socket (unix(7)) in the folder that their supervisor made for them, named after its process, and has a
connection to each other one. A notice goes with its length before it. What a worker that is busy has no room for is dropped.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path

SUFFIX = ".worker"
ROOM_BYTES = 4 * 1024 * 1024
"""Of what was told and has not left yet."""
CLOCK_NS = 100_000_000
"""Two changes of a folder within a tick of the kernel's clock look like one."""
LENGTH_BYTES = 4
ONCE_S = 0.5

logger = logging.getLogger("anywire.neighbours")


class Neighbours:
    def __init__(self, folder: Path, process: bytes, heard: Callable[[bytes], None]):
        """*heard* is called with each notice of another worker."""
        self._folder = folder
        self._own = folder / f"{process.hex()}{SUFFIX}"
        self._heard = heard
        self._server: asyncio.Server | None = None
        self._hearing: set[asyncio.BaseTransport] = set()
        self._seen_ns = 0
        self._others: dict[Path, _Other] = {}

    async def start(self) -> None:
        """Listens from now on. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Hearing(self._heard, self._hearing), self._own)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for other in self._others.values():
            other.close()
        for transport in list(self._hearing):
            transport.close()
        self._own.unlink(missing_ok=True)

    def tell(self, notice: bytes) -> None:
        """Tells all others; neither waits nor fails."""
        data = _framed(notice)
        for other in self._look():
            other.tell(data)

    def reaches_anybody(self) -> bool:
        return bool(self._look())

    def _look(self) -> list["_Other"]:
        """The others, looked for where the folder has changed, or a connection ended."""
        changed_ns = self._folder.stat().st_mtime_ns
        if changed_ns != self._seen_ns or any(other.has_ended for other in self._others.values()):
            self._seen_ns = changed_ns if time.time_ns() - changed_ns > CLOCK_NS else 0
            paths = {path for path in self._folder.glob(f"*{SUFFIX}") if path != self._own}
            self._others = {path: other for path, other in self._others.items() if path in paths and not other.has_ended}
            self._others |= {path: _Other(path) for path in paths - self._others.keys()}
        return list(self._others.values())


def tell_once(folder: Path, notice: bytes) -> None:
    """Tells all workers, for who isn't one of them."""
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
            link.settimeout(ONCE_S)
            link.connect(str(path))
            link.sendall(_framed(notice))


def _framed(notice: bytes) -> bytes:
    return len(notice).to_bytes(LENGTH_BYTES) + notice


class _Other:
    """The way to one other worker, connected on first use."""

    def __init__(self, path: Path):
        self._path = path
        self._transport: asyncio.WriteTransport | None = None
        self._waiting = bytearray()
        self.has_ended = False
        self._connecting = asyncio.ensure_future(self._connect())

    def tell(self, data: bytes) -> None:
        queued = len(self._waiting) if self._transport is None else self._transport.get_write_buffer_size()
        if queued + len(data) > ROOM_BYTES:
            logger.debug("%s has no room for a notice", self._path.stem)
        elif self._transport is None:
            self._waiting += data
        else:
            self._transport.write(data)

    def close(self) -> None:
        self.has_ended = True
        self._connecting.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_unix_connection(lambda: _Ending(self), str(self._path))
        except OSError:  # its name stays, as after a kill
            self.has_ended = True
            return
        self._transport.write(bytes(self._waiting))
        self._waiting.clear()


class _Ending(asyncio.Protocol):
    """Of a connection that one only tells by: its end."""

    def __init__(self, other: _Other):
        self._other = other

    def connection_lost(self, error: Exception | None) -> None:
        self._other.has_ended = True


class _Hearing(asyncio.Protocol):
    """What one other worker tells."""

    def __init__(self, heard: Callable[[bytes], None], hearing: set[asyncio.BaseTransport]):
        self._heard = heard
        self._hearing = hearing
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._hearing.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._hearing.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= LENGTH_BYTES:
            begin = start + LENGTH_BYTES
            end = begin + int.from_bytes(self._buffer[start:begin])
            if end > len(self._buffer):
                break
            try:
                self._heard(bytes(self._buffer[begin:end]))
            except Exception:  # noqa: BLE001 - one that can't be acted on must not end the hearing
                logger.exception("a notice failed")
            start = end
        del self._buffer[:start]
