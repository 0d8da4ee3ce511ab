"""A rolling restart under load: everybody has every message once and in order, and nobody waits for more than 2 s."""

import asyncio
import json
import random
import secrets
import signal
import time

import pytest
from tornado.httpclient import HTTPClientError

from tests.cluster.workers import Workers
from tests.faults.clients import BROKEN, WIRES, Visitor

FOLLOWERS = 6
"""Of each transport."""
EVERY_S = 0.02
WAIT_S = 2.0


class Follower:
    """Does what it is told by `goaway`, and goes on where it was."""

    def __init__(self, server: Workers, wire: str, channel: str):
        self._visitor = Visitor(server.url)
        self.wire = wire
        self._channel = channel
        self._position = "0"
        self.numbers: list[int] = []
        self.longest_s = 0.0
        self.sent_away = 0
        self._last_s = time.monotonic()

    async def follow(self) -> None:
        while True:
            try:
                query = {"sub": f"{self._channel}@{self._position}", "_": secrets.token_hex(4), "ids": "0"}
                async for event in self._visitor.events(self.wire, query):
                    if event["type"] == "goaway":
                        self.sent_away += 1
                        await asyncio.sleep(event["retry"] / 1000)
                        break
                    self._take(event)
            except HTTPClientError as error:
                assert error.code in (503, 599), error
                await asyncio.sleep(0.1)
            except BROKEN:
                await asyncio.sleep(random.uniform(0, 0.1))

    def _take(self, event: dict) -> None:
        if event["type"] == "subscribed":
            assert event["recovered"]
        elif event["type"] == "message":
            now_s = time.monotonic()
            self.longest_s, self._last_s = max(self.longest_s, now_s - self._last_s), now_s
            self.numbers.append(event["data"]["number"])
            self._position = event["position"]


async def roll(server: Workers, channel: str) -> tuple[list[Follower], int]:
    """The followers, and how many messages there were."""
    followers = [Follower(server, wire, channel) for wire in WIRES for _ in range(FOLLOWERS)]
    tasks = [asyncio.ensure_future(follower.follow()) for follower in followers]
    await asyncio.sleep(1)
    before, publisher, number = server.pids(), Visitor(server.url), 0
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    until_s = time.monotonic() + 60
    while len(server.pids()) != 2 or set(server.pids()) & set(before):
        assert time.monotonic() < until_s
        body = {"channel": channel, "id": secrets.token_hex(16), "data": {"number": number}}
        while True:
            try:
                assert json.dumps((await publisher.post("publish", body))["offset"]) == str(number + 1)
                break
            except (*BROKEN, HTTPClientError):
                await asyncio.sleep(0.02)
        number += 1
        await asyncio.sleep(EVERY_S)
    until_s = time.monotonic() + 10
    while any(len(follower.numbers) < number for follower in followers) and time.monotonic() < until_s:
        await asyncio.sleep(0.05)
    for task in tasks:
        assert not task.done(), task
        task.cancel()
    return followers, number


@pytest.mark.parametrize("drain_s", (2,))
def test_nobody_notices(channel: str, drain_s: int):
    server = Workers(workers=2, drain_s=drain_s, heartbeat_s=1, hold_s=2, poll_s=0.2).start()
    try:
        followers, number = asyncio.run(roll(server, channel))
        assert number > 50
        for follower in followers:
            assert follower.numbers == list(range(number))
        streams = [follower for follower in followers if follower.wire in ("websocket", "sse")]
        assert all(follower.sent_away for follower in streams), "each worker was renewed"
        assert {follower.wire: follower.longest_s for follower in followers if follower.longest_s > WAIT_S} == {}
        assert server.tracebacks() == []
    finally:
        server.close()
