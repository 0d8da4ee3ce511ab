"""One client's connection through a hostile box, and the server's behind it."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol

from tests.browsers.http1 import Body, Head, read_head


class Deed(Protocol):
    """What faults.py does; it stands here so that either file can name the other's things."""

    async def connected(self, link: "Link") -> None: ...
    async def requested(self, link: "Link", request: Head) -> Head | None: ...
    async def answered(self, link: "Link", request: Head, answer: Head) -> None: ...
    def keeps(self, answer: Head) -> float: ...


class Pipe:
    """One direction: in order, so many seconds later, or swallowed once it is frozen."""

    def __init__(self, writer: asyncio.StreamWriter):
        self.writer = writer
        self.delay_s = 0.0
        self.is_frozen = False
        self.moved_s = 0.0
        self._late: deque[bytes] = deque()

    async def send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.moved_s = loop.time()
        if self.is_frozen:
            return
        if self.delay_s:
            self._late.append(data)
            loop.call_later(self.delay_s, lambda: self._write(self._late.popleft()))
        else:
            self._write(data)
            await self.writer.drain()

    def end(self) -> None:
        """Closes it behind what is under way."""
        if not self.is_frozen:
            asyncio.get_running_loop().call_later(self.delay_s, self.writer.close)

    def _write(self, data: bytes) -> None:
        if not self.is_frozen and not self.writer.is_closing():
            self.writer.write(data)


class Link:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ):
        self.down = Pipe(writer)
        self.up = Pipe(server[1])
        self._from_client = reader
        self._from_server = server[0]
        self._unanswered: asyncio.Queue[Head] = asyncio.Queue()
        self._timers: list[asyncio.TimerHandle] = []
        self.down.moved_s = self.up.moved_s = asyncio.get_running_loop().time()

    @property
    def idle_s(self) -> float:
        return asyncio.get_running_loop().time() - max(self.down.moved_s, self.up.moved_s)

    def later(self, seconds: float, deed: Callable[[], None]) -> None:
        """Does it then, unless the connection has ended."""
        self._timers.append(asyncio.get_running_loop().call_later(seconds, deed))

    def freeze(self) -> None:
        self.down.is_frozen = self.up.is_frozen = True

    def cut(self, reset: bool = False) -> None:
        for timer in self._timers:
            timer.cancel()
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.down.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.down.writer.close()
        self.up.writer.close()

    async def reply(self, answer: bytes) -> None:
        """In the server's place."""
        await self.down.send(answer)
        self.cut()

    async def run(self, fault: Callable[[], Deed], note: Callable[[Head], None]) -> None:
        """Until either end closes. *fault* is asked anew for each request; *note* is told of each."""
        await fault().connected(self)
        tasks = [asyncio.ensure_future(self._upward(fault, note)), asyncio.ensure_future(self._downward(fault))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _upward(self, fault: Callable[[], Deed], note: Callable[[Head], None]) -> None:
        while (request := await read_head(self._from_client)) is not None:
            note(request)
            passed = await fault().requested(self, request)
            if passed is None:
                continue  # cut, and so nothing follows, or frozen
            self._unanswered.put_nowait(request)
            await self.up.send(passed.raw)
            await self._pass_body(request.length)
            if request.is_upgrade:
                await _copy(self._from_client, self.up)
                return

    async def _pass_body(self, left: int) -> None:
        while left and (data := await self._from_client.read(min(left, 65536))):
            left -= len(data)
            await self.up.send(data)

    async def _downward(self, fault: Callable[[], Deed]) -> None:
        while (answer := await read_head(self._from_server)) is not None:
            request = await self._unanswered.get()
            deed = fault()
            await deed.answered(self, request, answer)
            if answer.status == 101:
                await self.down.send(answer.raw)
                await _copy(self._from_server, self.down)
            else:
                await self._relay(answer, Body(answer, request.words[0]), deed.keeps(answer))
        self.down.end()
        if self.down.is_frozen:
            await asyncio.Event().wait()  # the client isn't told that the server has gone
        await asyncio.sleep(self.down.delay_s)

    async def _relay(self, answer: Head, body: Body, keeps: float) -> None:
        kept = [answer.raw]
        try:
            while True:
                while len(kept) > keeps:
                    await self.down.send(kept.pop(0))
                piece = await body.piece(self._from_server)
                if not piece:
                    return
                kept.append(piece)
        finally:
            for piece in kept:
                await self.down.send(piece)


async def _copy(reader: asyncio.StreamReader, pipe: Pipe) -> None:
    while data := await reader.read(65536):
        await pipe.send(data)
