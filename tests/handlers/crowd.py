"""Thousands of clients on bare sockets in one process, who come again as a client does: at once, or when they were told to."""

import heapq
import re
import select
import socket
import time
from collections.abc import Callable

from tests.handlers.front.asking import HANDSHAKE
from tests.handlers.talking import request

_MESSAGE = re.compile(rb'"type":"message","channel":"[^"]*","offset":([0-9]+),')
_POLL_END = re.compile(rb'"next":"([^"]*)"[^}]*\}$')
READ_BYTES = 256 * 1024


class Member:
    """One client, which follows *channel* from its start by *transport*, and remembers which offsets it got."""

    __slots__ = ("_buffer", "_channel", "_cookie", "_epoch", "connections", "offsets", "refused", "retry_s", "socket", "transport")

    def __init__(self, transport: str, channel: str, epoch: str):
        self.transport = transport
        self.connections = self.refused = 0
        self.offsets: list[int] = []
        self.retry_s: float | None = None
        """What it was told when it was refused."""
        self.socket: socket.socket | None = None
        self._channel = channel
        self._epoch = epoch
        self._cookie = ""
        self._buffer = b""

    def connect(self, port: int) -> socket.socket:
        self.connections += 1
        self._buffer = b""
        self.retry_s = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))
        return self.socket

    def ask(self) -> None:
        position = f"{self._epoch}-{self.offsets[-1] if self.offsets else 0}"
        headers = {**(HANDSHAKE if self.transport == "websocket" else {}), **({"Cookie": self._cookie} if self._cookie else {})}
        assert self.socket is not None
        self.socket.send(request("GET", f"/v1/{self.transport}?sub={self._channel}@{position}", headers))

    def hear(self) -> bool:
        """False where the connection is over."""
        assert self.socket is not None
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        self._buffer += data
        if self._buffer.startswith(b"HTTP/1.1 503") and b"\r\n\r\n" in self._buffer:
            self.refused += 1
            self.retry_s = float(re.findall(rb"\r\nRetry-After: ([0-9]+)\r\n", self._buffer)[0])
            return False
        if not data:
            return False
        for cookie in re.findall(rb"\r\nSet-Cookie: ([^;]+)", self._buffer):
            self._cookie = cookie.decode()
        self._take()
        return True

    def _take(self) -> None:
        end = 0
        for found in _MESSAGE.finditer(self._buffer):
            self.offsets.append(int(found[1]))
            end = found.end()
        if self.transport != "long-poll":
            self._buffer = self._buffer[max(end, len(self._buffer) - 300) :]  # a message's beginning is shorter
        elif _POLL_END.search(self._buffer):
            self._buffer = b""
            self.ask()
        elif end:
            self._buffer = self._buffer[end:]


class Crowd:
    def __init__(self, port: int, members: list[Member]):
        self.members = members
        self._port = port
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Member] = {}
        self._due: list[tuple[float, int]] = []
        """A heap: when which member comes again."""

    def come(self) -> None:
        """All of them, at once."""
        for number in range(len(self.members)):
            self._connect(number)

    def until(self, done: Callable[[], bool], within_s: float) -> None:
        """Lets them be clients. Raises TimeoutError."""
        deadline_s = time.monotonic() + within_s
        while not done():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{sum(1 for member in self.members if member.socket is None)} of {len(self.members)} are outside")
            for descriptor, events in self._poll.poll(0.05, 512):
                self._serve(descriptor, events)
            while self._due and self._due[0][0] <= time.monotonic():
                self._connect(heapq.heappop(self._due)[1])

    def leave(self) -> None:
        for descriptor in list(self._by_descriptor):
            self._drop(descriptor)
        self._poll.close()

    def _connect(self, number: int) -> None:
        member = self.members[number]
        descriptor = member.connect(self._port).fileno()
        self._by_descriptor[descriptor] = member
        self._poll.register(descriptor, select.EPOLLOUT)

    def _serve(self, descriptor: int, events: int) -> None:
        member = self._by_descriptor[descriptor]
        if events == select.EPOLLOUT:
            member.ask()
            self._poll.modify(descriptor, select.EPOLLIN)
        elif not member.hear():
            self._drop(descriptor)
            if member.retry_s is not None:
                heapq.heappush(self._due, (time.monotonic() + member.retry_s, self.members.index(member)))

    def _drop(self, descriptor: int) -> None:
        member = self._by_descriptor.pop(descriptor)
        self._poll.unregister(descriptor)
        assert member.socket is not None
        member.socket.close()
        member.socket = None
