"""The server in the process of the tests, on a loop of its own: for tasks made for a test, and to see how long its loop stands still."""

import asyncio
import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import tornado.netutil

from handlers.doors import Doors
from handlers.node import Node
from handlers.script import Script
from settings import Settings
from store.connect import connect
from tests.running import API_KEY
from wiring import make_node

TICK_S = 0.001


class Inside:
    """Has what tests ask of a Server: port, data."""

    port: int
    data: Path
    node: Node
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self.pauses: list[float] = []
        """By how many seconds each tick of the loop came late, as far as this process was at work meanwhile: on a machine that
        is shared the system lets it wait, too."""
        self.ready = threading.Event()

    async def run(self, uri: str | None, settings: dict[str, object]) -> None:
        self.loop = asyncio.get_running_loop()
        self.over = asyncio.Event()
        async with contextlib.AsyncExitStack() as started:
            connection = await connect(uri=uri, data=self.data)
            started.push_async_callback(connection.close)
            self.node = await make_node(
                Settings(**{"publish_per_s": 0, "api_key": API_KEY, "data": self.data, **settings}), connection, started
            )
            doors = Doors(self.node, Script(b"", b"", ""))
            started.callback(doors.close)
            sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
            doors.open(sockets)
            self.port = sockets[0].getsockname()[1]
            ticking = asyncio.ensure_future(self._tick())
            self.ready.set()
            await self.over.wait()
            ticking.cancel()
            doors.stop()
            await doors.http.close_all_connections()

    async def _tick(self) -> None:
        while True:
            due_s, before_s = time.monotonic() + TICK_S, time.process_time()
            await asyncio.sleep(TICK_S)
            self.pauses.append(min(time.monotonic() - due_s, time.process_time() - before_s))

    def call(self, coroutine):
        """What *coroutine* returns, run on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)


@contextlib.contextmanager
def inside(uri: str | None, **settings: object) -> Iterator[Inside]:
    """A server on the database *uri*, or on a mongod of its own."""
    server = Inside()
    with tempfile.TemporaryDirectory(prefix="aw-") as data:
        server.data = Path(data)
        thread = threading.Thread(target=lambda: asyncio.run(server.run(uri, settings)))
        thread.start()
        try:
            if not server.ready.wait(30):
                raise RuntimeError("the server did not start")
            yield server
        finally:
            server.loop.call_soon_threadsafe(server.over.set)
            thread.join()
