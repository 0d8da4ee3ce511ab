"""A network that is not kind: a TCP middlebox between a browser and the server, in a thread of its own.

pass        everything goes through
hang-ws     a WebSocket's handshake is taken and never answered
silence-ws  the 101 goes through, and nothing after it
deny-ws     403 for a WebSocket
idle-S      a connection on which nothing moved for S seconds is cut, both ends
"""

import asyncio
import re
import threading

_UPGRADE = re.compile(rb"^upgrade:\s*websocket", re.IGNORECASE | re.MULTILINE)
_DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Hostile:
    def __init__(self, target_port: int, mode: str):
        self._target = target_port
        self.mode = mode
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Hostile":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
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

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = None
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
            connection = _Connection(self.mode, writer, up_writer)
            await asyncio.gather(connection.up(reader), connection.down(up_reader))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            if connection is not None:
                connection.cut()


class _Connection:
    def __init__(self, mode: str, client: asyncio.StreamWriter, server: asyncio.StreamWriter):
        self._mode = mode
        self._client = client
        self._server = server
        self._idle_s = float(mode.removeprefix("idle-")) if mode.startswith("idle-") else None
        self._watch: asyncio.TimerHandle | None = None
        self._socket = False
        self._moved()

    def cut(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._client.close()
        self._server.close()

    def _moved(self) -> None:
        if self._idle_s is not None:
            if self._watch is not None:
                self._watch.cancel()
            self._watch = asyncio.get_running_loop().call_later(self._idle_s, self.cut)

    async def up(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            self._moved()
            if _UPGRADE.search(data):
                self._socket = True
                if self._mode == "hang-ws":
                    continue
                if self._mode == "deny-ws":
                    self._client.write(_DENIED)
                    await self._client.drain()
                    break
            self._server.write(data)
            await self._server.drain()
        self.cut()

    async def down(self, reader: asyncio.StreamReader) -> None:
        silent = False
        while data := await reader.read(65536):
            self._moved()
            if silent:
                continue
            if self._socket and self._mode == "silence-ws" and data.startswith(b"HTTP/1.1 101"):
                data = data[: data.index(b"\r\n\r\n") + 4]
                silent = True
            self._client.write(data)
            await self._client.drain()
        self.cut()
