"""Two real servers on one MongoDB and one Redis: what is published at one comes out at the other."""

import time
import urllib.request
import uuid

import pytest

from tests.handlers.talking import Visitor
from tests.running import Server
from tests.store.redis_server import redis  # noqa: F401


def late_s(publisher: Visitor, reader: Server, channel: str, text: str) -> float:
    """After how many seconds what is published at one arrives on an open stream of the other."""
    with urllib.request.urlopen(f"{reader.url}/v1/sse?sub={channel}", timeout=10) as stream:
        while b"subscribed" not in stream.readline():
            pass
        publisher.publish(channel, {"text": text})
        began_s = time.monotonic()
        while text.encode() not in stream.readline():
            pass
    return time.monotonic() - began_s


def test_two_servers(mongo_uri, redis):  # noqa: F811
    uri = mongo_uri.replace("/?", f"/test-{uuid.uuid4().hex[:12]}?")
    servers = [Server(mongodb_uri=uri, bus=redis.url) for _ in range(2)]
    try:
        one, other = [server.start() for server in servers]
        visitor = Visitor(one)
        time.sleep(1.5)
        assert min(late_s(visitor, other, "chat:x", f"there {i}") for i in range(3)) < 0.3
        redis.kill()
        assert max(late_s(visitor, other, "chat:x", f"away {i}") for i in range(3)) < 1.5
        redis.start()
        assert one.tracebacks() == other.tracebacks() == []
    finally:
        for server in servers:
            server.close()


@pytest.mark.parametrize("bus", ["redis://127.0.0.1:1"])
def test_a_server_starts_and_stops_without_its_redis(mongo_uri, bus):
    server = Server(mongodb_uri=mongo_uri.replace("/?", f"/test-{uuid.uuid4().hex[:12]}?"), bus=bus)
    try:
        visitor = Visitor(server.start())
        assert visitor.publish("chat:x", {"text": "hi"})["offset"] == 1
        assert [line for line in server.output if "away" in line and "127.0.0.1:1" in line]
        assert server.stop() == 0 and server.tracebacks() == []
    finally:
        server.close()
