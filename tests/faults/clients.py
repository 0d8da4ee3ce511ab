"""Clients that follow and publish over any of the four wires, and trust nothing.

A follower keeps its position and changes its wire all the time. On each wire the next message must be the one after the
position where the wire was attached: anything else is a fault of the server, not something to filter.
"""

import asyncio
import contextlib
import json
import random
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError, SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClosedError, websocket_connect

WIRES = ("websocket", "sse", "long-poll", "short-poll")
BROKEN = (OSError, StreamClosedError, WebSocketClosedError, HTTPStreamClosedError, HTTPTimeoutError, asyncio.TimeoutError)
REQUEST_S = 10.0
BATCH = 5
"""So many messages a publisher sends at once at most."""


class Violation(AssertionError):
    """The contract was broken."""


class Visitor:
    """Keeps a cookie, as a browser does."""

    def __init__(self, url: str):
        self.url = url
        self.cookie = f"anywire_boot={secrets.token_urlsafe(24)}"
        self.http = SimpleAsyncHTTPClient(force_instance=True, max_clients=100)

    def headers(self, **more: str) -> HTTPHeaders:
        return HTTPHeaders({"Cookie": self.cookie, **more})

    def keep_cookie(self, headers: HTTPHeaders) -> None:
        for value in headers.get_list("Set-Cookie"):
            if value.startswith("anywire_id="):
                self.cookie = value.partition(";")[0]

    def events(self, wire: str, query: dict[str, Any]) -> AsyncGenerator[dict]:
        """What *wire* brings, until it ends or breaks; the polls go on by their `next`."""
        return getattr(self, "_" + wire.replace("-", "_"))(urlencode(query, doseq=True))

    async def _websocket(self, query: str) -> AsyncGenerator[dict]:
        request = HTTPRequest(f"{self.url.replace('http', 'ws', 1)}/v1/websocket?{query}", headers=self.headers(), connect_timeout=2)
        socket = await websocket_connect(request, subprotocols=["anywire.v1"])
        try:
            self.keep_cookie(socket.headers)
            while (text := await socket.read_message()) is not None:
                yield json.loads(text)
        finally:
            socket.close()

    async def _sse(self, query: str) -> AsyncGenerator[dict]:
        """A small reader of its own: the server writes each event as one data line."""
        blocks: asyncio.Queue[dict | None] = asyncio.Queue()
        rest = b""

        def take(chunk: bytes) -> None:
            nonlocal rest
            *done, rest = (rest + chunk).split(b"\n\n")
            for block in done:
                for line in block.split(b"\n"):
                    if line.startswith(b"data: "):
                        blocks.put_nowait(json.loads(line[6:]))

        request = HTTPRequest(
            f"{self.url}/v1/sse?{query}", headers=self.headers(), streaming_callback=take, request_timeout=60, connect_timeout=2
        )
        http = SimpleAsyncHTTPClient(force_instance=True)
        fetching = asyncio.ensure_future(http.fetch(request))
        fetching.add_done_callback(lambda _: blocks.put_nowait(None))
        try:
            while (event := await blocks.get()) is not None:
                yield event
            await fetching
        finally:
            fetching.cancel()
            http.close()

    async def _long_poll(self, query: str, path: str = "long-poll") -> AsyncGenerator[dict]:
        while True:
            request = HTTPRequest(f"{self.url}/v1/{path}?{query}", headers=self.headers(), request_timeout=REQUEST_S, connect_timeout=2)
            response = await self.http.fetch(request)
            self.keep_cookie(response.headers)
            answer = json.loads(response.body)
            for event in answer["events"]:
                yield event
            query = answer["next"]
            if path == "short-poll":
                await asyncio.sleep(answer["poll"] / 1000)

    def _short_poll(self, query: str) -> AsyncGenerator[dict]:
        return self._long_poll(query, "short-poll")

    async def post(self, path: str, body: Any) -> Any:
        """Raises HTTPClientError with the server's answer, or one of BROKEN."""
        request = HTTPRequest(
            f"{self.url}/v1/{path}",
            method="POST",
            headers=self.headers(**{"Content-Type": "application/json"}),
            body=json.dumps(body),
            request_timeout=REQUEST_S,
            connect_timeout=2,
        )
        response = await self.http.fetch(request)
        self.keep_cookie(response.headers)
        return json.loads(response.body)


class Follower:
    """Has every message of its channels once and in order from where it began, or raises Violation."""

    def __init__(
        self,
        urls: Sequence[str],
        channels: list[str],
        chance: random.Random,
        *,
        start: str = "0",
        stay_s: tuple[float, float] = (0.05, 2.0),
        wires: Sequence[str] = WIRES,
    ):
        """*urls* are of one or more servers of the same log: it goes to another when the one that it was at fails. *stay_s* are
        the shortest and the longest time that it keeps a wire."""
        self._urls = urls
        self._visitor = Visitor(chance.choice(urls))
        self._chance = chance
        self._stay_s = stay_s
        self._wires = wires
        self.began_with = start
        self.messages: dict[str, list[dict]] = {channel: [] for channel in channels}
        self._positions = dict.fromkeys(channels, start)
        self.offsets: dict[str, int] = {}
        """Of each channel the last offset that it has; where it began, until something came."""
        self.attached: dict[str, int] = dict.fromkeys(WIRES, 0)
        """How often each wire said hello."""

    async def follow(self) -> None:
        """Until it is cancelled: a random wire for a random time, from where it stands."""
        while True:
            wire = self._chance.choice(self._wires)
            leaves_s = time.monotonic() + self._chance.uniform(*self._stay_s)
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + leaves_s - time.monotonic()):
                    await self._attach(wire)
            except (*BROKEN, HTTPClientError) as error:
                if isinstance(error, HTTPClientError) and error.code not in (429, 503, 599):
                    raise Violation(f"{wire}: {error}") from error
                if time.monotonic() < leaves_s:  # it was the server that ended it
                    self._visitor.url = self._chance.choice(self._urls)
                await asyncio.sleep(self._chance.uniform(0, 0.1))

    async def _attach(self, wire: str) -> None:
        subs = [f"{channel}@{position}" for channel, position in self._positions.items()]
        query = {"sub": subs, "_": secrets.token_hex(4), "ids": "0", "hello": "1"}
        async with contextlib.aclosing(self._visitor.events(wire, query)) as events:
            async for event in events:
                self._take(wire, event)

    def _take(self, wire: str, event: dict) -> None:
        if event["type"] == "hello":
            self.attached[wire] += 1
        elif event["type"] == "subscribed":
            channel, position = event["channel"], self._positions[event["channel"]]
            if not event["recovered"] or (channel in self.offsets and event["position"] != position):
                raise Violation(f"{wire}: {event} at {position}")
            self._positions[channel] = event["position"]
            self.offsets[channel] = int(event["position"].partition("-")[2])
        elif event["type"] == "message":
            channel = event["channel"]
            expected = self.offsets[channel] + 1
            if event["offset"] != expected or not event["position"].endswith(f"-{expected}"):
                raise Violation(f"{wire}: {channel} expected {expected}, got {event['offset']}")
            self.messages[channel].append(event)
            self._positions[channel] = event["position"]
            self.offsets[channel] = expected
        elif event["type"] == "error":
            if event["code"] not in ("unavailable", "draining", "overloaded"):
                raise Violation(f"{wire}: {event}")
            raise ConnectionError("to be asked again")


class Publisher:
    """Sends its messages in order, each until it is acknowledged, over whatever wire it happens to have."""

    def __init__(self, urls: Sequence[str], name: str, channel: str, count: int, chance: random.Random, pause_s: float):
        """One message is due each *pause_s*; what couldn't be sent in time is sent as soon as it can."""
        self._urls = urls
        self._visitor = Visitor(chance.choice(urls))
        self._chance = chance
        self._pause_s = pause_s
        self._due_s = time.monotonic()
        self.channel = channel
        self.waiting = [{"id": secrets.token_urlsafe(16), "data": {"from": name, "n": n}} for n in range(count)]
        self.receipts: list[dict] = []
        self.sent_by: dict[str, int] = {"websocket": 0, "http": 0}
        self.in_flight = 0

    async def publish(self) -> None:
        while self.waiting:
            try:
                async with asyncio.timeout(self._chance.uniform(0.5, 3.0)):
                    await self._chance.choice((self._by_websocket, self._by_http))()
            except (*BROKEN, HTTPClientError) as error:
                if isinstance(error, HTTPClientError) and error.code not in (429, 503, 599):
                    raise Violation(f"publish: {error} {error.response and error.response.body}") from error
                self._visitor.url = self._chance.choice(self._urls)
                await asyncio.sleep(self._chance.uniform(0, 0.1))
            finally:
                self.in_flight = 0

    def finish(self) -> None:
        """Sends nothing new: only what may have been sent already, until it is acknowledged."""
        del self.waiting[BATCH:]

    async def _pace(self, count: int) -> None:
        self._due_s += count * self._pause_s
        await asyncio.sleep(max(0.0, self._due_s - time.monotonic()))

    def _acknowledged(self, receipt: dict, wire: str) -> None:
        first = self.waiting.pop(0)
        if receipt["id"] != first["id"]:
            raise Violation(f"acknowledged {receipt} but {first} was sent first")
        self.receipts.append({**receipt, "data": first["data"]})
        self.sent_by[wire] += 1

    async def _by_http(self) -> None:
        while self.waiting:
            batch = self.waiting[: self._chance.randint(1, BATCH)]
            self.in_flight = len(batch)
            answer = await self._visitor.post("publish", {"messages": [{"channel": self.channel, **message} for message in batch]})
            for result in answer["results"]:
                if "error" in result:
                    if result["error"]["code"] not in ("unavailable", "draining", "after-refused"):
                        raise Violation(f"publish: {result}")
                    break
                self._acknowledged(result, "http")
            await self._pace(len(batch))

    async def _by_websocket(self) -> None:
        request = HTTPRequest(
            f"{self._visitor.url.replace('http', 'ws', 1)}/v1/websocket", headers=self._visitor.headers(), connect_timeout=2
        )
        socket = await websocket_connect(request)
        try:
            self._visitor.keep_cookie(socket.headers)
            while self.waiting:
                batch = self.waiting[: self._chance.randint(1, BATCH)]
                self.in_flight = len(batch)
                for ref, message in enumerate(batch):
                    command = {"type": "publish", "ref": ref, "channel": self.channel, **message}
                    await socket.write_message(json.dumps(command))
                refused = await self._read_answers(socket, len(batch))
                if refused:
                    return
                await self._pace(len(batch))
        finally:
            socket.close()

    async def _read_answers(self, socket: Any, count: int) -> bool:
        """Takes the answers to refs 0 to *count* - 1, which may come in any order; True where one is missing or a refusal."""
        answers: dict[int, dict] = {}
        while len(answers) < count and (text := await socket.read_message()) is not None:
            event = json.loads(text)
            if event["type"] in ("ack", "error"):
                answers[event["ref"]] = event
                if event["type"] == "error" and event["code"] not in ("unavailable", "draining", "after-refused"):
                    raise Violation(f"publish: {event}")
        stored = [ref for ref in sorted(answers) if answers[ref]["type"] == "ack"]
        if any(answers[ref]["type"] == "error" for ref in range(stored[-1] if stored else 0) if ref in answers):
            raise Violation(f"a later message overtook one that was refused: {answers}")
        for ref in range(count):
            if ref not in stored:
                return True
            self._acknowledged(answers[ref], "websocket")
        return False
