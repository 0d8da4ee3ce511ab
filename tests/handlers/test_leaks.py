"""Who leaves is forgotten at once: thousands of wires opened and dropped leave no object and no descriptor behind."""

import asyncio
import contextlib
import gc
import os
from collections import Counter

import pytest
import tornado.netutil

from handlers.doors import Doors
from handlers.script import Script
from settings import Settings
from store.connect import connect
from tests.handlers.four_wires import query_of
from tests.handlers.talking import Link, database_uri, eventually, open_connections, read_answer, request
from wiring import make_node

WIRES = 2000
BATCH = 200
"""At once, so that the descriptors of both ends fit into the usual limit of 1,024."""
PER_WIRE = (
    *("SseWire", "WebSocketWire", "WebSocketSession", "Commands", "AwaitedPoll", "HeldPoll", "Caller", "SocketLink", "StreamLink"),
    *("Attachment", "Subscription", "SseCursor", "Receiver", "WebSocket", "Sse", "LongPoll", "Publisher", "Visit"),
    *("IOStream", "HTTP1Connection", "HTTP1ServerConnection", "HTTPServerRequest", "_HandlerDelegate", "Task", "TimerHandle", "socket"),
)
TOLERANCE = 10
"""Of the driver's own connections and tasks, which come and go."""
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def begin(transport, port, query, positions):
    """Sends what opens a wire."""
    link = Link(port)
    if transport == "long-poll":
        link.send(request("GET", f"/v1/long-poll?{positions}"))
    else:
        link.send(request("GET", f"/v1/{transport}?{query}", HANDSHAKE if transport == "websocket" else {}))
    return link


def open_and_drop(port, transport, count, query, positions, opened):
    """Opens *count* wires and drops them, every other one by RST."""
    links = [begin(transport, port, query, positions) for _ in range(count)]
    if transport == "long-poll":
        eventually(lambda: opened() == count)
    else:
        for link in links:
            link.until(b'"subscribed"')
    for number, link in enumerate(links):
        link.reset() if number % 2 else link.close()
    eventually(lambda: opened() == 0)


@pytest.mark.parametrize("fast", [True, False], ids=["bare sockets", "Tornado"])
def test_a_wire_that_is_dropped_leaves_nothing(server, channel, fast):
    asyncio.run(_drop_thousands(server, channel, fast))


async def _drop_thousands(server, channel, fast):
    """The server's objects can be counted only in its process, so it runs in this one, on the other server's database."""
    async with contextlib.AsyncExitStack() as started:
        connection = await connect(uri=database_uri(server, "leaks"), data=server.data)
        started.push_async_callback(connection.close)
        node = await make_node(Settings(publish_per_s=0, data=server.data), connection, started)
        doors = Doors(node, Script(b"", b"", ""), fast=fast)
        started.callback(doors.close)
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1", backlog=BATCH)
        doors.open(sockets)
        port = sockets[0].getsockname()[1]
        query = query_of((channel, f"{channel}-b"))
        positions = await asyncio.to_thread(_positions, port, query)

        async def drop(transport, count):
            await asyncio.to_thread(open_and_drop, port, transport, count, query, positions, lambda: len(node.connections))

        for transport in ("websocket", "sse", "long-poll"):
            await drop(transport, 20)
        before, descriptors = await _settled(), len(os.listdir("/proc/self/fd"))
        for transport in ("websocket", "sse", "long-poll"):
            for _ in range(WIRES // BATCH):
                await drop(transport, BATCH)
            assert not node.connections and not node.addresses
            assert not any(log.subscriptions or log.live or log.apart or log.ahead for log in node.hub._logs.values())
        after = await _settled()
        grown = {name: after[name] - before[name] for name in PER_WIRE if after[name] > before[name] + TOLERANCE}
        assert grown == {}
        assert len(os.listdir("/proc/self/fd")) <= descriptors + TOLERANCE
        doors.stop()
        await doors.http.close_all_connections()


def _positions(port, query):
    link = Link(port)
    link.send(request("GET", f"/v1/long-poll?{query}"))
    following = read_answer(link).json["next"]
    link.close()
    return following


async def _settled():
    """How many objects there are of each type, once what is about to end has ended."""
    for _ in range(20):
        await asyncio.sleep(0.01)
    gc.collect()
    return Counter(type(thing).__name__ for thing in gc.get_objects() if not _is_spent(thing))


def _is_spent(thing):
    """A timer that was cancelled: it holds nothing any more, and asyncio keeps up to a hundred of them until they are due."""
    return isinstance(thing, asyncio.TimerHandle) and thing.cancelled()


def test_the_process_gives_its_descriptors_back(server, channel):
    def descriptors():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    query = query_of((channel,))
    positions = _positions(server.port, query)
    before = eventually(lambda: not any(open_connections(server).values()) and descriptors())
    for transport in ("websocket", "sse", "long-poll"):
        open_and_drop(server.port, transport, BATCH, query, positions, lambda: sum(open_connections(server).values()))
    eventually(lambda: descriptors() <= before + TOLERANCE)
