"""What the storage tests share: the store of one server process, and a proxy that makes its connection fail for real."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any
from urllib.parse import unquote

from protocol.hub import Hub
from protocol.message import Message
from protocol.positions import Start
from protocol.session import Attachment, Read
from protocol.subscription import Subscription
from store.arrivals import Arrivals
from store.bus import Bus
from store.feed import Feed
from store.log import DEADLINE_S, Log
from store.meta import load_meta
from store.processes import Processes
from store.reader import Reader
from store.redis_bus import RedisBus
from store.writer import CONFIRMED_S, Receipt, Writer

ANNA = {"id": "u_anna", "name": "Anna"}
BEN = {"id": "u_ben", "name": "Ben"}


class Follower:
    """An attachment that takes every push, and keeps what it was given."""

    form = None

    def __init__(self, process: "Process"):
        self.process = process
        self.offsets: list[int] = []
        self.gaps = 0
        self.left = False
        self.attachment = Attachment(self, process.hub.epoch)

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        self.offsets.extend(message.offset for message in messages)
        return True

    def wake(self) -> None:
        pass

    def leave(self) -> None:
        self.left = True

    def signal(self, payload: bytes) -> None:
        pass

    async def follow(self, channel: str, start: Start) -> None:
        log, resolution = await self.process.feed.locate(channel, start)
        self.attachment.attach(log, resolution)
        await self.catch_up()

    async def catch_up(self) -> None:
        while pulled := self.attachment.pull(64 * 1024):
            if isinstance(pulled, Read):
                self.attachment.give(pulled, await self.process.feed.page(pulled, 64 * 1024))
                continue
            for batch in pulled:
                if batch.is_of_log:
                    self.offsets += [message.offset for message in batch.messages]
                else:
                    self.gaps += b'"recovered":false' in batch.messages[0].payload


class Process:
    """Everything that `server.py` puts between the database and the handlers, but for the listening."""

    def __init__(self, database: Any, epoch: str, name: bytes, *, confirmed_s: float = CONFIRMED_S, deadline_s: float = DEADLINE_S):
        self.database = database
        self.name = name
        self.reader = Reader(database, epoch)
        self.hub = Hub(epoch, lambda channel: self.feed.fill(channel), time.monotonic, asyncio.get_running_loop().call_later)
        self.feed = Feed(self.reader, self.hub)
        self.writer = Writer(database, self.reader, self.hub, name, confirmed_s=confirmed_s)
        self.log = Log(self.writer, deadline_s=deadline_s)
        self.renewed: list[str] = []
        self.heard: list[bytes] = []

    @classmethod
    async def make(cls, database: Any, name: bytes = b"p1", **limits: float) -> "Process":
        return cls(database, (await load_meta(database)).epoch, name, **limits)

    def bus(self, watched: Any, host: str | None = None) -> Bus:
        """A bus over the change stream; without *host* the process is a host by itself."""
        self.processes = Processes(self.database, self.name, host or self.name.hex())
        return Bus(watched, self.arrivals(watched), self.processes, self.heard.append)

    def redis_bus(self, url: str, host: str | None = None) -> RedisBus:
        """A bus over the Redis at *url*; without *host* the process is a host by itself."""
        self.processes = Processes(self.database, self.name, host or self.name.hex())
        return RedisBus(url, self.database, self.hub, self.arrivals(self.database), self.processes, self.heard.append)

    def arrivals(self, database: Any) -> Arrivals:
        return Arrivals(database, self.hub, self.feed, self.renewed.append)

    async def publish(self, channel: str, count: int, *, user: dict = ANNA, first: int = 0, size: int = 2) -> list[Receipt]:
        """*count* messages with ids of their own, all at once."""
        data = b'"' + b"x" * (size - 2) + b'"'
        tasks = [self.log.append(channel, user, f"{self.name!r}-{channel}-{first + i}", data) for i in range(count)]
        return list(await asyncio.gather(*tasks))


async def concern_of(database: Any, insert: Awaitable[Any]) -> dict[str, Any]:
    """The write concern that *insert* came to MongoDB with, by its profiler."""
    await database.command("profile", 2)
    await insert
    await database.command("profile", 0)
    return dict((await database["system.profile"].find_one({"op": "insert"}))["command"]["writeConcern"])


class Proxy:
    """Between a driver and a mongod on a unix socket: passes, swallows answers, freezes or cuts."""

    def __init__(self, uri: str):
        self._path = unquote(uri.removeprefix("mongodb://").partition("/")[0])
        self._writers: set[asyncio.StreamWriter] = set()
        self.mode = "pass"
        self.uri = ""

    async def start(self) -> "Proxy":
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.uri = f"mongodb://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/?directConnection=true"
        return self

    async def stop(self) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._path)
        self._writers |= {writer, up_writer}
        try:
            await asyncio.gather(self._pass(reader, up_writer, up=True), self._pass(up_reader, writer, up=False))
        except OSError:
            pass
        finally:
            self._writers -= {writer, up_writer}
            writer.close()
            up_writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        while data := await reader.read(65536):
            while self.mode == "freeze":
                await asyncio.sleep(0.01)
            if self.mode == "swallow-answers" and not up:
                continue
            writer.write(data)
            await writer.drain()
        writer.close()
