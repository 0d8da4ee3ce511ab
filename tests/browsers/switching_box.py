"""A box between a page and the server that knows the four wires apart, and may change its mind about each at any moment.

Each kind of request has a fate: `pass`; `deny`, 403 in HTML; `swallow`, taken and never answered; `drop`, the
connection is closed. A kind that no longer passes is cut at once where it is live. The page itself may ask for that,
by `/box/allow/N`: the wires from the Nth on pass, the better ones are denied.

It forwards request by request: browsers don't send the next one before the answer, so a request begins a read.
"""

import asyncio
import re
import threading

TRANSPORTS = ("websocket", "sse", "long-poll", "short-poll")
KINDS = (*TRANSPORTS, "other")
START_S = 10

_REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|HEAD|OPTIONS) (\S+) HTTP/1\.1\r\n")
_DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 7\r\nConnection: close\r\n\r\nblocked"
_ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-cache\r\nContent-Length: {}\r\n\r\n"


class SwitchingBox:
    """*pages* are its own, by path, for what a test brings along."""

    def __init__(self, target_port: int, pages: dict[str, str] | None = None, **fates: str):
        self.port = 0
        self.fates = dict.fromkeys(KINDS, "pass")
        self.client_address = ""  # what it says of its client, in X-Forwarded-For
        self.seen: list[str] = []  # the kind of each request, in order
        self._target_port = target_port
        self._pages = {path: text.encode() for path, text in (pages or {}).items()}
        self._live: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._set(fates)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "SwitchingBox":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(START_S)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def change(self, **fates: str) -> None:
        """Underscores for hyphens; `all` for every kind. Returns when it is done and what no longer passes is cut."""

        async def change() -> None:
            self._set(fates)
            self._cut()

        asyncio.run_coroutine_threadsafe(change(), self._loop).result(START_S)

    def mute(self) -> None:
        """Live wires stay open and bring nothing any more, as after the other end has lost its network; others are closed, also
        those that a browser keeps for its next poll: it would find out only by waiting."""
        for connection in list(self._live):
            if connection.kind in ("websocket", "sse") or connection.kind == "long-poll" and connection.is_waiting:
                connection.is_swallowed = True
            else:
                self._loop.call_soon_threadsafe(connection.close)

    def _set(self, fates: dict[str, str]) -> None:
        if "all" in fates:
            self.fates = dict.fromkeys(KINDS, fates["all"])
        self.fates.update({name.replace("_", "-"): fate for name, fate in fates.items() if name != "all"})

    def _cut(self) -> None:
        for connection in list(self._live):
            if self.fates[connection.kind] != "pass":
                connection.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self._target_port, writer)
        self._live.add(connection)
        try:
            while data := await reader.read(65536):
                if not await self._up(connection, data):
                    break
        except (OSError, asyncio.CancelledError):
            pass  # one of the two ends has gone, or the test has ended
        finally:
            self._live.discard(connection)
            connection.close()

    async def _up(self, connection: "_Connection", data: bytes) -> bool:
        """False where the connection is over."""
        found = None if connection.is_socket else _REQUEST.match(data)
        if found:
            path = found[1].decode()
            if path.startswith("/box/"):
                return await self._answer(connection, path)
            connection.kind = next((name for name in TRANSPORTS if f"/v1/{name}?" in path), "other")
            self.seen.append(connection.kind)
            fate = self.fates[connection.kind]
            if fate != "pass":
                if fate == "deny":
                    await connection.answer(_DENIED)
                elif fate == "swallow":
                    connection.is_swallowed = True
                return fate == "swallow"
            connection.is_socket = connection.kind == "websocket"
            if self.client_address:
                data = data.replace(b"\r\n", f"\r\nX-Forwarded-For: {self.client_address}\r\n".encode(), 1)
        if not connection.is_swallowed:
            await connection.forward(data)
        return True

    async def _answer(self, connection: "_Connection", path: str) -> bool:
        allow = re.fullmatch(r"/box/allow/(\d)(\?.*)?", path)
        body = b"" if allow else self._pages[path.partition("?")[0]]
        if allow:
            self._set({name: "pass" if rank >= int(allow[1]) else "deny" for rank, name in enumerate(TRANSPORTS)})
            self._cut()
        await connection.answer(_ANSWER.format(len(body)).encode() + body)
        return True


class _Connection:
    def __init__(self, target_port: int, client: asyncio.StreamWriter):
        self.kind = "other"
        self.is_socket = False
        self.is_swallowed = False
        self.is_waiting = False  # for an answer, or what follows of it
        self._target_port = target_port
        self._client = client
        self._server: asyncio.StreamWriter | None = None
        self._down: asyncio.Task[None] | None = None

    async def forward(self, data: bytes) -> None:
        if self._server is None:
            reader, self._server = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._down = asyncio.create_task(self._answers(reader))
        self.is_waiting = True
        self._server.write(data)
        await self._server.drain()

    async def answer(self, data: bytes) -> None:
        self._client.write(data)
        await self._client.drain()

    async def _answers(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(65536):
                self.is_waiting = False
                if not self.is_swallowed:
                    await self.answer(data)
        except OSError:
            pass  # the page has gone
        self.close()

    def close(self) -> None:
        self._client.close()
        if self._server is not None:
            self._server.close()
