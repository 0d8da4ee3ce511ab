"""Two processes in one loop on one MongoDB, and any order of publishing, killing, cutting, trimming and changing over.

Whatever the order: an acknowledged message is in the log once, at the offset of its receipt; offsets have no hole; whoever follows
gets each offset once, in order, and a hole only where he is told that something was trimmed.
"""

import asyncio
import uuid

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from protocol.positions import Next, Oldest, Position
from store import bus
from store.connect import connect
from store.retention import Retention
from tests.store.conftest import mongo_uri
from tests.store.processes import ANNA, Follower, Process, Proxy

__all__ = ["mongo_uri"]

CHANNELS = ("chat:a", "chat:b")
SETTLED_S = 15.0
which = st.integers(0, 1)
channels = st.sampled_from(CHANNELS)


class Life:
    """One process from its start to its end, with a proxy on its way to MongoDB."""

    def __init__(self, name: bytes):
        self.name = name

    async def start(self, uri: str, database: str) -> "Life":
        self.proxy = await Proxy(uri).start()
        self.connection = await connect(uri=self.proxy.uri, data=None, driver="pymongo", database=database)
        # the floor is read at each commit, since what is trimmed here may be as young as it likes
        self.process = await Process.make(self.connection.database, self.name, confirmed_s=-1.0)
        self.bus = self.process.bus(self.connection.watcher[database])
        await self.bus.start()
        return self

    async def end(self) -> None:
        """At once: what it was doing is not finished, but for what MongoDB has heard of already."""
        for lane in self.process.log._lanes:
            if lane._committer is not None:
                lane._committer.cancel()
        await self.bus.close()
        await self.process.feed.close()
        await self.connection.close()
        await self.proxy.stop()


class Reading(Follower):
    """A follower that knows where it began, and may go on at another process."""

    def __init__(self, process: Process, channel: str):
        super().__init__(process)
        self.channel = channel
        self.earlier: list[int] = []
        """Offsets that it got at processes where it was before."""
        self.began_at = 0

    @property
    def all(self) -> list[int]:
        return self.earlier + self.offsets


class Machine(RuleBasedStateMachine):
    uri = ""

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.database = f"test-{uuid.uuid4().hex[:12]}"
        self.observer = self.run(connect(uri=self.uri, data=None, driver="pymongo", database=self.database))
        self.log = self.run(Process.make(self.observer.database, b"observer")).reader
        self.lives = [self.run(Life(b"life%d" % n).start(self.uri, self.database)) for n in range(2)]
        self.started = 2
        self.numbers = 0
        self.acknowledged: dict[tuple[str, str], tuple[int, bytes]] = {}
        """Offset and data by channel and id."""
        self.readers: list[Reading] = []

    def run(self, work):
        return self.loop.run_until_complete(work)

    # what happens

    @rule(at=which, channel=channels, count=st.integers(1, 5))
    def publish(self, at: int, channel: str, count: int) -> None:
        self.run(self._publish(at, channel, self._fresh(count)))

    @precondition(lambda self: self.acknowledged)
    @rule(at=which, data=st.data())
    def publish_again(self, at: int, data: st.DataObject) -> None:
        channel, id = data.draw(st.sampled_from(sorted(self.acknowledged)))
        self.run(self._publish(at, channel, [id]))

    @rule(at=which, channel=channels, count=st.integers(1, 5), after_ms=st.integers(0, 6))
    def kill_while_it_publishes(self, at: int, channel: str, count: int, after_ms: int) -> None:
        """What its senders didn't hear of, they send again to the other one."""
        ids = self._fresh(count)

        async def act() -> None:
            sending = [asyncio.ensure_future(self._publish(at, channel, [id])) for id in ids]
            await asyncio.sleep(after_ms / 1000)
            await self._kill(at)
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)
            await self._publish(1 - at, channel, ids)

        self.run(act())

    @rule(at=which)
    def kill(self, at: int) -> None:
        self.run(self._kill(at))

    @rule(at=which)
    def cut(self, at: int) -> None:
        """All its connections, those of the change stream too."""
        self.run(self._cut(at))

    @rule(at=which, channel=channels, after_ms=st.integers(0, 20))
    def lose_an_answer(self, at: int, channel: str, after_ms: int) -> None:
        async def act() -> None:
            proxy = self.lives[at].proxy
            proxy.mode = "swallow-answers"
            sending = asyncio.ensure_future(self._publish(at, channel, self._fresh(3)))
            await asyncio.sleep(after_ms / 1000)
            proxy.mode = "pass"
            proxy.cut()
            await sending

        self.run(act())

    @rule(at=which, channel=channels, keep=st.integers(1, 8))
    def trim(self, at: int, channel: str, keep: int) -> None:
        process = self.lives[at].process
        retention = Retention(process.database, process.reader, process.writer, keep_messages=keep, keep_days=30, minimum_age_s=-1)
        self.run(retention.trim(channel))

    @rule(at=which, channel=channels)
    def oversleep(self, at: int, channel: str) -> None:
        """The other one writes and trims past the head that this one knew; then this one publishes."""
        self.publish(at, channel, 1)
        for _ in range(3):
            self.publish(1 - at, channel, 2)
        self.trim(1 - at, channel, 1)
        self.publish(at, channel, 2)

    @rule(at=which, channel=channels, whole=st.booleans())
    def follow(self, at: int, channel: str, whole: bool) -> None:
        async def act() -> None:
            process = self.lives[at].process
            reader = Reading(process, channel)
            await reader.follow(channel, Oldest() if whole else Next())
            reader.began_at = (reader.offsets or [process.hub.head(channel) + 1])[0] - 1
            self.readers.append(reader)

        self.run(act())

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), at=which)
    def hop(self, data: st.DataObject, at: int) -> None:
        self.run(self._hop(data.draw(st.sampled_from(self.readers)), at))

    @rule()
    def settle(self) -> None:
        self.run(self._settle())

    # how

    def _fresh(self, count: int) -> list[str]:
        self.numbers += count
        return [f"id-{number}" for number in range(self.numbers - count, self.numbers)]

    async def _publish(self, at: int, channel: str, ids: list[str]) -> None:
        log = self.lives[at].process.log
        floor = (await self.log.bounds(channel)).floor  # nobody trims while this is under way
        for receipt in await asyncio.gather(*(log.append(channel, ANNA, id, b'"%s"' % id.encode()) for id in ids)):
            assert receipt.duplicate or receipt.offset > floor, "stored below what was trimmed, where nobody reads it"
            known = self.acknowledged.setdefault((channel, receipt.id), (receipt.offset, b'"%s"' % receipt.id.encode()))
            assert known[0] == receipt.offset or await self._was_trimmed(channel, known[0]), "one id has two offsets"
            self.acknowledged[channel, receipt.id] = (receipt.offset, known[1])

    async def _was_trimmed(self, channel: str, offset: int) -> bool:
        """An id is known for as long as its message is kept."""
        return (await self.log.bounds(channel)).floor >= offset

    async def _kill(self, at: int) -> None:
        await self.lives[at].end()
        self.started += 1
        dead, self.lives[at] = self.lives[at], await Life(b"life%d" % self.started).start(self.uri, self.database)
        for reader in [reader for reader in self.readers if reader.process is dead.process]:
            await self._hop(reader, 1 - at)

    async def _cut(self, at: int) -> None:
        self.lives[at].proxy.cut()

    async def _hop(self, reader: Reading, at: int) -> None:
        """Goes on where it stands, as a client that changes its wire."""
        process = self.lives[at].process
        position = Position(process.hub.epoch, (reader.all or [reader.began_at])[-1])
        reader.attachment.close()
        index = self.readers.index(reader)
        again = self.readers[index] = Reading(process, reader.channel)
        again.earlier, again.gaps, again.began_at = reader.all, reader.gaps, reader.began_at
        await again.follow(reader.channel, position)

    async def _settle(self) -> None:
        async with asyncio.timeout(SETTLED_S):
            for reader in self.readers:
                head = (await self.log.bounds(reader.channel)).head
                while (reader.all or [reader.began_at])[-1] < head:
                    await reader.catch_up()
                    await asyncio.sleep(0.005)
        for reader in self.readers:
            steps = list(zip([reader.began_at, *reader.all], reader.all, strict=False))
            assert all(before < after for before, after in steps), f"repeated or out of order: {reader.all}"
            assert sum(after != before + 1 for before, after in steps) <= reader.gaps, f"lost without a word: {reader.all}"

    async def _check_log(self) -> None:
        for channel in CHANNELS:
            bounds = await self.log.bounds(channel)
            messages, more = await self.log.history(channel, None, 10**6, 10**9)
            assert not more and [message.offset for message in messages] == list(range(bounds.floor + 1, bounds.head + 1))
            stored = {message.offset: msgspec.json.decode(message.payload) for message in messages}
            ids = [event["id"] for event in stored.values()]
            assert len(set(ids)) == len(ids), "stored twice"
            for (of, id), (offset, data) in self.acknowledged.items():
                if of == channel and offset > bounds.floor:
                    assert (stored[offset]["id"], msgspec.json.encode(stored[offset]["data"])) == (id, data)

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self.run(self._settle())
            self.run(self._check_log())
        finally:
            for life in self.lives:
                self.run(life.end())
            self.run(self.observer.writer.drop_database(self.database))
            self.run(self.observer.close())
            self.loop.close()


def test_no_order_of_faults_loses_or_repeats_anything(mongo_uri, monkeypatch):  # noqa: F811 - the fixture
    monkeypatch.setattr(bus, "POLL_S", 0.05)  # so long a follower would wait after each cut
    Machine.uri = mongo_uri
    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), database=None),
    )
