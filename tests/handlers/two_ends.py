"""A link of the server's and the peer's socket, in one loop."""

import asyncio
import contextlib
import socket
import struct
import time

from tornado.iostream import IOStream

from handlers.link import Poller, SocketLink
from handlers.stream_link import StreamLink

BUFFER_BYTES = 8192


def pair():
    """Two ends that don't block, with small buffers: ours and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        peer.connect(listening.getsockname())
        ours, _ = listening.accept()
    for end in (ours, peer):
        end.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    return ours, peer


class Owner:
    def __init__(self):
        self.heard = b""
        self.drains = self.closes = 0
        self.on_received = lambda: None

    def received(self, data):
        self.heard += data
        self.on_received()

    def drained(self):
        self.drains += 1

    def closed(self):
        self.closes += 1


class Side:
    """A link, its owner, and the peer's socket, which doesn't block."""

    def __init__(self, make, ends):
        ours, self.peer = ends
        self.owner = Owner()
        self.link = make(ours)
        self.link.owner = self.owner

    async def read(self, size):
        """That many bytes, as the peer gets them."""
        loop, parts = asyncio.get_running_loop(), []
        while size:
            parts.append(await asyncio.wait_for(loop.sock_recv(self.peer, min(size, 65_536)), 10))
            assert parts[-1], "the end came too early"
            size -= len(parts[-1])
        return b"".join(parts)

    def reset(self):
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()


async def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def run(way, test):
    """Runs the coroutine that *test* makes of a maker of sides."""

    async def begin():
        poller, sides = Poller(), []
        makers = {"bare": lambda sock: SocketLink(sock, poller), "stream": lambda sock: StreamLink(IOStream(sock))}

        def side(ends=None):
            sides.append(Side(makers[way], ends or pair()))
            return sides[-1]

        try:
            await test(side)
        finally:
            for one in sides:
                with contextlib.suppress(OSError):
                    one.link.close()
                one.peer.close()
            await asyncio.sleep(0)
            poller.close()

    asyncio.run(begin())
