"""A network that is not kind: a box between a browser and the server, in a thread of its own. faults.py has what it can do."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.browsers.faults import fault
from tests.browsers.http1 import Head
from tests.browsers.link import Link

RESULT_S = 10.0


class Hostile:
    """*mode* may be changed at any time: it holds for each connection and request that comes then."""

    def __init__(self, target_port: int, mode: str = "pass"):
        self._target = target_port
        self._mode = mode
        self._fault = fault(mode)
        self.port = 0
        self.requests: list[tuple[float, str]] = []
        """When each request came (time.monotonic), and its target."""
        self._links: set[Link] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self._mode = mode
        self._fault = fault(mode)
        self._do(self._listen())

    def cut_all(self) -> None:
        """Ends every connection that is open now."""
        self._each(Link.cut)

    def freeze_all(self) -> None:
        """Leaves them open, and nothing moves on them any more."""
        self._each(Link.freeze)

    def __enter__(self) -> "Hostile":
        self._thread.start()
        self._do(self._open())
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(RESULT_S)

    def _each(self, deed: Callable[[Link], None]) -> None:
        async def all_of_them() -> None:
            for link in list(self._links):
                deed(link)

        self._do(all_of_them())

    async def _listen(self) -> None:
        """Or not, where the mode says so; always on the same port."""
        if self._server is not None and not self._fault.listens:
            self._server.close()
            self._server = None
            for link in list(self._links):
                link.cut()
        elif self._server is None and self._fault.listens:
            await self._open()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _note(self, request: Head) -> None:
        self.requests.append((time.monotonic(), request.target))

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = None
        try:
            link = Link(reader, writer, await asyncio.open_connection("127.0.0.1", self._target))
            self._links.add(link)
            await link.run(lambda: self._fault, self._note)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            if link is not None:
                self._links.discard(link)
                link.cut()
