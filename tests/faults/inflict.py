"""The faults of the suite: what may be done to servers, to MongoDB and to the connections between, in an order that a seed decides.

Each fault is made, lasts, and is undone before the next one begins; some overlap on purpose, since what is undone (a server or a
member that starts) takes its time.
"""

import contextlib
import random
import time
from collections.abc import Callable

from tests.faults.proxy import Proxies, Proxy
from tests.faults.replica_set import ReplicaSet
from tests.running import Server

START_TRIES = 20
"""A server that finds no primary ends with a sentence, and whoever supervises it starts it again."""


class Servers:
    """Several on one database, each behind a proxy of its own; *settings* are those of all, `workers` among them."""

    def __init__(self, count: int, proxies: Proxies, **settings: object):
        self.all = [Server(**settings).start() for _ in range(count)]
        self.ways = [proxies.to(server.port) for server in self.all]

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{way.port}" for way in self.ways]

    @staticmethod
    def start_again(server: Server) -> None:
        for _ in range(START_TRIES):
            with contextlib.suppress(RuntimeError):
                server.start()
                return
            time.sleep(0.3)
        raise RuntimeError("a server can't be started again:\n" + "\n".join(server.output[-30:]))

    def close(self) -> None:
        for server in self.all:
            server.close()


class Faults:
    """Each method is one kind of fault; all block, and run in a thread."""

    def __init__(self, servers: Servers, mongo: ReplicaSet, proxies: Proxies, chance: random.Random, say: Callable[[str], None]):
        self._servers = servers
        self._mongo = mongo
        self._proxies = proxies
        self._chance = chance
        self._say = say
        self.count: dict[str, int] = {}
        self.stopped = False

    def run(self, seconds: float, pause_s: tuple[float, float]) -> None:
        """One after the other until *seconds* are over, every kind once at least, and before any other comes again."""
        kinds = [
            *(self.server_killed, self.servers_stopped_in_turn, self.primary_killed, self.primary_frozen, self.primary_deposed),
            *(self.mongo_cut, self.mongo_frozen, self.clients_cut, self.clients_frozen),
        ]
        ends_s = time.monotonic() + seconds
        while not self.count or time.monotonic() < ends_s:
            self._chance.shuffle(kinds)
            for kind in kinds:
                if self.stopped or (time.monotonic() > ends_s and kind.__name__ in self.count):
                    return
                self._say(kind.__name__)
                kind()
                self.count[kind.__name__] = self.count.get(kind.__name__, 0) + 1
                time.sleep(self._chance.uniform(*pause_s))

    def _wait(self, shortest_s: float, longest_s: float) -> None:
        time.sleep(self._chance.uniform(shortest_s, longest_s))

    def server_killed(self) -> None:
        server = self._chance.choice(self._servers.all)
        server.kill()
        self._wait(0.1, 1.0)
        self._servers.start_again(server)

    def servers_stopped_in_turn(self) -> None:
        """As when a new version is rolled out: each drains, ends, and starts before the next."""
        for server in self._servers.all:
            server.stop()
            self._servers.start_again(server)

    def primary_killed(self) -> None:
        member = self._mongo.primary()
        self._mongo.kill(member)
        self._wait(0.5, 3.0)
        self._mongo.restart(member)
        self._mongo.whole()  # else two of three may be away at once, which is another fault

    def primary_frozen(self) -> None:
        member = self._mongo.primary()
        self._mongo.freeze(member)
        self._wait(0.5, 4.0)
        self._mongo.thaw(member)
        self._mongo.whole()

    def primary_deposed(self) -> None:
        self._mongo.step_down()

    def mongo_cut(self) -> None:
        for _ in range(self._chance.randint(1, 5)):
            for member in self._mongo.members:
                self._cut(member.proxy, 0.7)
            self._wait(0.05, 0.3)

    def mongo_frozen(self) -> None:
        """No word from one or all of the members, while they go on among themselves."""
        some = self._mongo.members if self._chance.random() < 0.5 else [self._mongo.primary()]
        self._freeze([member.proxy for member in some], 0.5, 3.0)

    def clients_cut(self) -> None:
        for _ in range(self._chance.randint(3, 10)):
            for way in self._servers.ways:
                self._cut(way, 0.2)
            self._wait(0.05, 0.2)

    def clients_frozen(self) -> None:
        self._freeze([self._chance.choice(self._servers.ways)], 0.5, 2.0)

    def _cut(self, proxy: Proxy, share: float) -> None:
        self._proxies.do(lambda: proxy.cut(share, self._chance))

    def _freeze(self, proxies: list[Proxy], shortest_s: float, longest_s: float) -> None:
        for proxy in proxies:
            self._proxies.do(proxy.freeze)
        self._wait(shortest_s, longest_s)
        for proxy in proxies:
            self._proxies.do(proxy.thaw)
            if self._chance.random() < 0.5:
                self._cut(proxy, 1.0)  # what was on its way is lost
