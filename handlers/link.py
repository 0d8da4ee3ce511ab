"""Bare sockets: the fast way to write to thousands of connections, and to hear from them.

`send` is the socket's own method, so a delivery is one system call and nothing else; only what a full socket didn't take
is queued, and until that has left `send` takes nothing. One epoll of our own watches all sockets, and the loop watches the
epoll: no handle, no key and no context for each connection. It needs Linux; elsewhere, and for TLS, there is stream_link.py.
"""

import asyncio
import logging
import select
import socket
import sys
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger("anywire.link")

READ_BYTES = 32 * 1024
EVENTS = 64
"""Sockets that are heard in one turn of the loop: some milliseconds of work."""
UNREAD_S = 60.0
"""A peer that takes nothing for so long is gone (RFC 5482, TCP user timeout)."""


class Owner(Protocol):
    """Who has a link."""

    def received(self, data: bytes) -> None: ...

    def drained(self) -> None:
        """All that was queued has left."""

    def closed(self) -> None:
        """Called once."""


class Link(Protocol):
    """A connection's bytes. `send` takes all of *data*, some or none, says how much, and may raise OSError."""

    owner: Owner
    send: Callable[[bytes], int]

    @property
    def is_writing(self) -> bool:
        """True while something is queued."""

    @property
    def is_closed(self) -> bool: ...

    def write(self, data: bytes) -> None:
        """Sends *data*, or queues what isn't taken."""

    def rest(self, data: bytes) -> None:
        """Queues what `send` didn't take."""

    def pause(self) -> None:
        """Hears nothing more of the peer for now."""

    def resume(self) -> None: ...

    def close(self) -> None:
        """At once; what is queued is lost."""


def _refuse(data: bytes) -> int:
    return 0


class SocketLink:
    __slots__ = ("_events", "_poller", "_queue", "_socket", "owner", "send")

    def __init__(self, sock: socket.socket, poller: "Poller"):
        """*sock* doesn't block; the owner is to be set before the next turn of the loop."""
        self._socket: socket.socket | None = sock
        self._poller = poller
        self._events = select.EPOLLIN
        self._queue: bytearray | None = None
        self.send: Callable[[bytes], int] = sock.send
        poller.add(sock.fileno(), self, self._events)

    @property
    def is_writing(self) -> bool:
        return self._queue is not None

    @property
    def is_closed(self) -> bool:
        return self._socket is None

    def write(self, data: bytes) -> None:
        taken = 0
        if self._queue is None:
            try:
                taken = self.send(data)
            except BlockingIOError:
                pass
            except OSError:
                return  # the poller hears of its end
        if taken != len(data):
            self.rest(data[taken:])

    def rest(self, data: bytes) -> None:
        if self._socket is None:
            return
        if self._queue is None:
            self._queue = bytearray()
            self.send = _refuse
            self._watch(self._events | select.EPOLLOUT)
        self._queue += data

    def pause(self) -> None:
        self._watch(self._events & ~select.EPOLLIN)

    def resume(self) -> None:
        self._watch(self._events | select.EPOLLIN)

    def close(self) -> None:
        sock = self.release()
        if sock is not None:
            sock.close()
            owner = self.owner
            del self.owner  # which has us: together they would wait for the garbage collector
            owner.closed()

    def release(self) -> socket.socket | None:
        """The socket itself, which is no longer watched; None where it is closed already."""
        sock, self._socket = self._socket, None
        if sock is not None:
            self._poller.remove(sock.fileno())
            self._queue, self.send = None, len
        return sock

    def ready(self, events: int) -> None:
        """What the poller saw."""
        if events & select.EPOLLOUT and self._queue is not None:
            self._flush()
        if events & ~select.EPOLLOUT and self._socket is not None:
            self._receive(self._socket)

    def _receive(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.owner.received(data)
        else:
            self.close()

    def _flush(self) -> None:
        assert self._socket is not None and self._queue is not None
        try:
            del self._queue[: self._socket.send(self._queue)]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self._queue:
            self._queue, self.send = None, self._socket.send
            self._watch(self._events & ~select.EPOLLOUT)
            self.owner.drained()

    def _watch(self, events: int) -> None:
        if self._socket is not None and events != self._events:
            self._events = events
            self._poller.change(self._socket.fileno(), events)


class Poller:
    """Watches the sockets of one loop."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._links: dict[int, SocketLink] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll.fileno(), self._turn)

    def add(self, descriptor: int, link: SocketLink, events: int) -> None:
        self._links[descriptor] = link
        self._epoll.register(descriptor, events)

    def change(self, descriptor: int, events: int) -> None:
        self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        del self._links[descriptor]
        self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Closes every connection."""
        for link in list(self._links.values()):
            link.close()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _turn(self) -> None:
        for descriptor, events in self._epoll.poll(0, EVENTS):
            link = self._links.get(descriptor)
            if link is not None:  # else it was closed by what another one brought
                try:
                    link.ready(events)
                except Exception:  # noqa: BLE001 - a fault with one connection must not be one with all
                    logger.exception("a connection is given up")
                    link.close()


def is_available() -> bool:
    return hasattr(select, "epoll")


def notice_dead_peers(sock: socket.socket) -> None:
    """TCP tells of a peer that vanished, idle or in the middle of what is sent."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNREAD_S * 1000))
