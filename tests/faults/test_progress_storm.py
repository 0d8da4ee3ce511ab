"""A worker that updates its job as fast as it can, over four connections, while pages follow it over every wire and the server is
killed: pages get a few states a second, none goes back, and all of them see the end."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from tests.faults.clients import BROKEN, WIRES, Visitor
from tests.running import Server

STORM_S = 3.0
KILL_AFTER_S = 2.0
CONNECTIONS = 4
PAGES_A_WIRE = 2
STATES_PER_S = 25
WRITES_PER_S = 4
CUT = (*BROKEN, asyncio.IncompleteReadError)


class Worker:
    """Counts, and says so over and over on connections that are kept open."""

    def __init__(self, url: str, job: dict[str, Any]):
        self._port = int(url.rpartition(":")[2])
        self._path = f"/v1/jobs/{job['id']}"
        self._key = job["key"]
        self.counter: Iterator[int] = itertools.count(1)
        self.answered: list[tuple[float, int]] = []
        """When an update was answered, and what `done` it had."""
        self.killed_s = 0.0
        self.is_over = False

    async def storm(self) -> None:
        while not self.is_over:
            try:
                await self._connection()
            except CUT:
                await asyncio.sleep(0.02)

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while not self.is_over:
                done = next(self.counter)
                status, state = await self._patch(reader, writer, {"done": done, "note": f"at {done}"})
                assert status in (200, 503), (status, state)
                if status == 200:
                    assert state["state"] == "running" and state["done"] >= done
                    self.answered.append((time.monotonic(), done))
        finally:
            writer.close()

    async def end(self) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        status, state = await self._patch(reader, writer, {"state": "done", "done": next(self.counter)})
        writer.close()
        assert status == 200
        return state

    async def _patch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fields: dict[str, Any]) -> tuple[int, Any]:
        body = json.dumps(fields).encode()
        head = f"PATCH {self._path} HTTP/1.1\r\nHost: storm.test\r\nAuthorization: Bearer {self._key}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        return int(lines[0].split()[1]), json.loads(await reader.readexactly(length))


class Page:
    """Follows a job from where it is, over one wire, however often that breaks."""

    def __init__(self, url: str, wire: str, channel: str):
        self._visitor = Visitor(url)
        self._sub = channel
        self._channel = channel
        self.wire = wire
        self.states: list[dict[str, Any]] = []
        self.times: list[float] = []

    async def follow(self) -> None:
        while not (self.states and self.states[-1]["data"]["state"] == "done"):
            try:
                async for event in self._visitor.events(self.wire, {"sub": self._sub}):
                    self._take(event)
                    if event["type"] == "state" and event["data"]["state"] == "done":
                        return
            except (*CUT, HTTPClientError):
                await asyncio.sleep(0.05)

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "subscribed":
            assert event["recovered"], event
        elif event["type"] == "state":
            self.states.append(event)
            self.times.append(time.monotonic())
            self._sub = f"{self._channel}@{event['position']}"

    def check(self) -> None:
        offsets = [state["offset"] for state in self.states]
        assert offsets == sorted(set(offsets)), self.wire
        for name in ("done", "percent", "updated"):
            values = [state["data"][name] for state in self.states]
            assert values == sorted(values), (self.wire, name)
        assert {state["data"]["state"] for state in self.states[:-1]} <= {"running", "stalled"}
        for first, time_s in enumerate(self.times):
            assert sum(time_s <= other < time_s + 1 for other in self.times[first:]) <= STATES_PER_S, self.wire


async def storm(server: Server, kill: bool) -> tuple[Worker, list[Page], dict[str, Any]]:
    job = await Visitor(server.url).post("jobs", {"title": "Storm", "total": 10**6})
    worker = Worker(server.url, job)
    pages = [Page(server.url, wire, job["channel"]) for wire in WIRES for _ in range(PAGES_A_WIRE)]
    following = [asyncio.ensure_future(page.follow()) for page in pages]
    working = [asyncio.ensure_future(worker.storm()) for _ in range(CONNECTIONS)]
    if kill:
        await asyncio.sleep(KILL_AFTER_S)
        server.kill()
        worker.killed_s = time.monotonic()
        await asyncio.to_thread(server.start)
    await asyncio.sleep(STORM_S)
    worker.is_over = True
    await asyncio.gather(*working)
    last = await worker.end()
    async with asyncio.timeout(10):
        await asyncio.gather(*following)
    return worker, pages, last


@pytest.mark.parametrize("kill", [False, True], ids=["in peace", "killed"])
@pytest.mark.gen_test(timeout=60)
async def test_a_storm(start_server, kill):
    server: Server = start_server(hold_s=5, heartbeat_s=1, poll_s=0.1)
    began_s = time.monotonic()
    worker, pages, last = await storm(server, kill)
    took_s = time.monotonic() - began_s
    assert (last["state"], last["percent"]) == ("done", 100)
    for page in pages:
        page.check()
        assert page.states[-1]["data"] == {name: value for name, value in last.items() if name != "position"}, page.wire
        assert len(page.states) > 4, page.wire
    assert pages[0].states[-1]["offset"] <= WRITES_PER_S * took_s + 4  # what was written at all
    if kill:
        first = next(done for time_s, done in worker.answered if time_s > worker.killed_s)
        for page in pages:
            since = [state["data"]["done"] for state, time_s in zip(page.states, page.times, strict=True) if time_s > worker.killed_s]
            assert any(done >= first and done < last["done"] for done in since), page.wire
    else:
        assert len(worker.answered) > 100 * STORM_S
    written = pages[0].states[-1]["offset"]
    print(f"{len(worker.answered)} updates in {took_s:.1f} s, {written} written, states: {[len(page.states) for page in pages]}")
    assert server.tracebacks() == []
