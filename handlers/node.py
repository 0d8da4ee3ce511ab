"""What one server process has: its settings, its way to the log, and the connections that it holds."""

from __future__ import annotations

import asyncio
import functools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from tornado.iostream import IOStream

from cluster.notices import Notices
from cluster.presence import Presence
from handlers.admission import Admission
from handlers.joined import Joined
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
from protocol.notices import RenameNotice
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

AWAY_EACH_S = 0.002
"""Between two clients that are sent away: 500 a second, which is less than another server takes."""
AWAY_MS = 500
"""How long a client that is sent away may wait before it comes back."""
DRAIN_SHARE = 0.8
"""Of the drain time, in which all are sent away, so that the last ones have time to go."""
DRAIN_TICK_S = 0.02
KNOWN_ADDRESSES = 10_000
DISMISSED_S = 30.0
"""Who polls comes again within that time."""


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
    def dismiss(self) -> None:
        """Sends its client away, for good."""


@dataclass
class Node:
    process: bytes
    """By which the others know it."""
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
    notices: Notices
    presence: Presence
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
        self.dismissed: dict[str, float] = {}
        """Users and channels whose connections were closed, and until when one who polls is told so, who may not have been here."""
        self.admission = Admission(lambda: self.load.late_s, lambda: self.feed.wait_s)
        self.wheel = Wheel()
        self.joined = Joined()
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
        """Tells the user's open connections, by whichever process."""
        self.notices.tell(RenameNotice(user.id, user.name))
        self.renamed(user)

    def renamed(self, user: User) -> None:
        for connection in [c for c in self.connections if c.user.id == user.id]:
            connection.rename(user)

    def dismiss(self, user: str | None, channel: str | None) -> int:
        """Closes the connections of *user*, or on *channel*, or of that user on it; returns how many there were."""
        loop = asyncio.get_running_loop()
        key = f"{user or ''} {channel or ''}"
        self.dismissed[key] = loop.time() + DISMISSED_S
        loop.call_later(DISMISSED_S, self._allow, key)
        found = [
            one for one in self.connections if user in (None, one.user.id) and (channel is None or channel in one.attachment.subscriptions)
        ]
        for connection in found:
            connection.dismiss()
        return len(found)

    def is_dismissed(self, user: User, channels: Iterable[str]) -> bool:
        """True for who goes on to poll, and should not."""
        if not self.dismissed:
            return False
        users = ("", user.id)
        return any(f"{id} {channel}" in self.dismissed for id in users for channel in ("", *channels) if id or channel)

    def _allow(self, key: str) -> None:
        if self.dismissed.get(key, 0.0) <= asyncio.get_running_loop().time():
            self.dismissed.pop(key, None)

    async def drain(self) -> None:
        """Sends every client away, and waits until they have gone or the drain time is over.

        A few are sent away at once, many one after the other over most of that time: so each is served until its turn comes,
        and waits only for as long as it takes to come back, and the others aren't overrun.
        """
        self.draining = True
        since_s = time.monotonic()
        left = random.sample(list(self.connections), len(self.connections))
        each_s = min(AWAY_EACH_S, DRAIN_SHARE * self.settings.drain_s / max(1, len(left)))
        due_s = since_s
        while left or self.connections and time.monotonic() < since_s + self.settings.drain_s:
            while left and due_s <= time.monotonic():
                connection = left.pop()
                due_s += each_s
                if connection in self.connections:
                    connection.goaway(random.randint(0, AWAY_MS))
            await asyncio.sleep(DRAIN_TICK_S)


def connection_id() -> str:
    """Opaque, and no secret."""
    return f"c_{random.getrandbits(72):018x}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000
