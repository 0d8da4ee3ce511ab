"""TCP ports that lead to others, through which a connection can be cut, frozen or slowed.

They run on a loop in a thread of their own, so that they go on passing bytes while a test waits for something.
"""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PASS_BYTES = 65536


class Proxy:
    """One port, `port`, that leads to *target*. What is done to connections is done to *only* those whose first bytes hold that:
    a driver's first message has the application's name in it, one member of a replica set that calls another has not."""

    def __init__(self, target: int, only: bytes = b""):
        self.target = target
        self.port = 0
        self.delay_s = 0.0
        """Waited before each piece that is passed, in each direction."""
        self.cuts = 0
        self._only = only
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    async def open(self) -> "Proxy":
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def close(self) -> None:
        self._server.close()
        self.cut()

    def freeze(self) -> None:
        """From now on nothing passes, and nobody is told: as a cable that was pulled out."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    def cut(self, share: float = 1.0, chance: random.Random | None = None) -> None:
        """Ends open connections by a reset, all or about a *share* of them."""
        pairs = sorted(self._pairs, key=lambda pair: pair[0].get_extra_info("peername") or ())
        for pair in pairs:
            if chance is None or chance.random() < share:
                self.cuts += 1
                for writer in pair:
                    writer.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = None
        try:
            first = await reader.read(PASS_BYTES)
            is_ours = self._only in first
            if is_ours:
                await self._thawed.wait()
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
            up_writer.write(first)
            if is_ours:
                pair = (writer, up_writer)
                self._pairs.add(pair)
            try:
                await asyncio.gather(self._pass(reader, up_writer, is_ours), self._pass(up_reader, writer, is_ours))
            finally:
                up_writer.transport.abort()
        except OSError:
            pass
        finally:
            self._pairs.discard(pair)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_ours: bool) -> None:
        while data := await reader.read(PASS_BYTES):
            if is_ours:
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._thawed.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


class Proxies:
    """The thread, and the proxies that run in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # a connection that is cut on purpose ends in exceptions that nobody waits for
        self._loop.set_exception_handler(lambda loop, context: None)
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()
        self._open: list[Proxy] = []

    def to(self, target: int, only: bytes = b"") -> Proxy:
        """A new one that is open."""
        proxy = asyncio.run_coroutine_threadsafe(Proxy(target, only).open(), self._loop).result(5)
        self._open.append(proxy)
        return proxy

    def do(self, act: Callable[[], T]) -> T:
        """What *act* returns, which is done to a proxy in their own thread: `do(proxy.freeze)`."""

        async def done() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(5)

    def close(self) -> None:
        for proxy in self._open:
            self.do(proxy.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
