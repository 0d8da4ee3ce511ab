"""What one server process has: its settings, its way to the log, and the connections that it holds."""

from __future__ import annotations

import asyncio
import functools
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from tornado.iostream import IOStream

from handlers.limits import Buckets, CatchUp, Reports
from handlers.link import Poller
from handlers.load import Load
from handlers.metrics import Metrics
from handlers.room import Full
from handlers.wheel import Wheel
from negotiation import origin
from negotiation.identity import Identity, User
from negotiation.offer import MAX_CHANNELS
from negotiation.origin import Network
from protocol.codes import ProtocolError, Unavailable
from protocol.hub import Hub
from protocol.session import Attachment
from settings import Settings
from store.counts import Counts
from store.feed import Feed
from store.items import Items
from store.jobs import Jobs
from store.log import Log
from store.reader import Reader
from store.uploads import Uploads
from store.votes import Votes
from tasks.runner import Runner

KNOWN_ADDRESSES = 10_000


class Front(Protocol):
    """What stands before Tornado."""

    def adopt(self, stream: IOStream, address: tuple[str, int], answer: bytes) -> None: ...


class Connection(Protocol):
    """A wire that is open: a stream, or a poll that is held."""

    transport: str
    user: User
    address: str
    attachment: Attachment

    def signal(self, payload: bytes) -> None: ...
    def rename(self, user: User) -> None: ...
    def goaway(self, retry_ms: int) -> None: ...


@dataclass
class Node:
    settings: Settings
    hub: Hub
    feed: Feed
    reader: Reader
    log: Log
    jobs: Jobs
    items: Items
    uploads: Uploads
    runner: Runner
    votes: Votes
    counts: Counts
    identity: Identity
    trusted: list[Network]
    connections: set[Connection] = field(default_factory=set)
    addresses: Counter[str] = field(default_factory=Counter)
    draining: bool = False
    poller: Poller | None = None
    """Watches bare sockets; None where all connections are Tornado's, as the front is then."""
    front: Front | None = None
    metrics: Metrics = field(default_factory=Metrics)
    ceiling: int = sys.maxsize
    """From this descriptor on connections are refused."""

    def __post_init__(self) -> None:
        rate = self.settings.publish_per_s
        burst = max(1, 10 * rate)  # below one token nothing would ever pass
        self.publishes = Buckets(rate, burst)
        self.starts = Buckets(rate, burst)
        """New jobs and votes."""
        self.locates = Buckets(50 * rate, max(MAX_CHANNELS, 500 * rate))
        """Channels that a user may subscribe to: some cost a read of the log. One request names up to MAX_CHANNELS."""
        self.catch_up = CatchUp(self.settings.catch_up_bytes_per_s)
        self.reports = Reports()
        self.load = Load()
        self.wheel = Wheel()
        self.network = functools.lru_cache(KNOWN_ADDRESSES)(lambda address: self.identity.network(origin.prefix(address)))
        """What `hello` calls the network that an address is of."""

    def admit(self, address: str) -> None:
        """Raises ProtocolError too-many-connections, or Unavailable where the server is about to stop, or full."""
        if self.draining:
            raise Unavailable(code="draining", retry_after_s=1)
        if self.settings.connections and len(self.connections) >= self.settings.connections:
            raise Full()
        limit = self.settings.connections_per_address
        if limit and self.addresses[address] >= limit:
            raise ProtocolError("too-many-connections", retry_after_s=5)

    def enter(self, connection: Connection) -> None:
        self.addresses[connection.address] += 1
        self.connections.add(connection)

    def greeted(self, transport: str) -> None:
        """A client was told `hello`, on a stream that just began or in the answer to a poll: what the shares are counted by."""
        self.counts.add("connections", transport)
        self.metrics.hellos.labels(transport).inc()

    def leave(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
            self.addresses[connection.address] -= 1
            if not self.addresses[connection.address]:
                del self.addresses[connection.address]

    def rename(self, user: User) -> None:
        """Tells the user's open connections."""
        for connection in [c for c in self.connections if c.user.id == user.id]:
            connection.rename(user)

    async def drain(self) -> None:
        """Sends every client away, spread over the drain time, and waits until they have gone or it is over."""
        self.draining = True
        spread_ms = round(self.settings.drain_s * 1000)
        for connection in list(self.connections):
            connection.goaway(random.randint(0, spread_ms))
        deadline = time.monotonic() + self.settings.drain_s
        while self.connections and time.monotonic() < deadline:
            await asyncio.sleep(0.05)


def connection_id() -> str:
    """Opaque, and no secret."""
    return f"c_{random.getrandbits(72):018x}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000
