"""Redis as the bus: what it brings, and that nothing is lost, and little is late, when it brings nothing."""

import asyncio
import logging
import time

import pytest
from pymongo.errors import AutoReconnect

from protocol.positions import Oldest
from store import redis_bus
from tests.store.processes import Follower, Process
from tests.store.redis_server import RedisServer, redis  # noqa: F401
from tests.store.waiting import until

LATE_S = 1.5
"""What a bus that is down may add: POLL_S, and the read."""
AWAY = "redis://127.0.0.1:1"
one_driver = pytest.mark.parametrize("driver", ["motor"])
"""For what takes seconds and has nothing to do with the driver."""


class Two:
    """Two processes with a bus, and a follower at the second, who notes when each message comes."""

    @classmethod
    async def make(cls, database, url, *, other_url=None, kind=Process) -> "Two":
        two = cls()
        two.one, two.other = await kind.make(database, b"p1"), await kind.make(database, b"p2")
        two.buses = [two.one.redis_bus(url), two.other.redis_bus(other_url or url)]
        for process, bus in zip((two.one, two.other), two.buses, strict=True):
            await process.processes.start()
            await bus.start()
        two.one.processes.look(), two.other.processes.look()
        two.follower = Follower(two.other)
        await two.follower.follow("chat:x", Oldest())
        two.sent = 0
        return two

    async def settled(self) -> "Two":
        """Both are connected, have looked into the log since, and know of each other."""
        await until(lambda: all(bus._up and not bus._doubt and len(bus._beats._peers) == 2 for bus in self.buses))
        await asyncio.sleep(redis_bus.POLL_S + 0.1)
        return self

    async def send(self) -> float:
        """One message at the first process; returns after how many seconds the follower had it."""
        await self.one.publish("chat:x", 1, first=self.sent)
        self.sent += 1
        began_s = time.monotonic()
        await until(lambda: len(self.follower.offsets) >= self.sent)
        return time.monotonic() - began_s

    async def close(self) -> None:
        for process, bus in zip((self.one, self.other), self.buses, strict=True):
            await bus.close()
            await process.processes.close()

    def assert_complete(self) -> None:
        assert self.follower.offsets == list(range(1, self.sent + 1)) and self.follower.gaps == 0


def count_heads(process) -> list[float]:
    """Counts how often *process* asks for all heads."""
    counted: list[float] = []
    refresh = process.feed.refresh_all

    async def counting() -> None:
        counted.append(time.monotonic())
        await refresh()

    process.feed.refresh_all = counting
    return counted


@pytest.mark.gen_test(timeout=20)
async def test_what_one_process_stores_the_other_delivers(database, redis):  # noqa: F811
    two = await (await Two.make(database, redis.url)).settled()
    heads = count_heads(two.other)
    delays_s = [await two.send() for _ in range(50)]
    assert sorted(delays_s)[25] < 0.05 and max(delays_s) < redis_bus.POLL_S / 2  # by the bus itself, not by the heads
    await asyncio.gather(two.one.publish("chat:x", 200, first=50), two.other.publish("chat:x", 200))
    await until(lambda: len(two.follower.offsets) == 450)
    two.sent = 450
    two.assert_complete()
    await asyncio.sleep(2.5)
    assert heads == []  # nothing was missing
    await two.close()


@one_driver
@pytest.mark.gen_test(timeout=30)
async def test_redis_killed_under_traffic_costs_a_second_and_no_message(database, redis, caplog):  # noqa: F811
    caplog.set_level(logging.INFO, "anywire.bus")
    two = await (await Two.make(database, redis.url)).settled()
    delays_s = []
    for at in range(40):
        if at == 5:
            redis.kill()
        if at == 20:
            redis.start()
        delays_s.append(await two.send())
        await asyncio.sleep(0.05)
    assert max(delays_s) < LATE_S
    two.assert_complete()
    await two.settled()
    assert await two.send() < 0.3
    lines = [record.message for record in caplog.records if record.name == "anywire.bus"]
    assert len(lines) == 6  # each of the two: there, away, there
    assert all("127.0.0.1" in line for line in lines)
    await two.close()


@one_driver
@pytest.mark.gen_test(timeout=40)
async def test_a_frozen_redis_costs_two_seconds_and_no_message(database, redis):  # noqa: F811
    two = await (await Two.make(database, redis.url)).settled()
    redis.freeze()
    first_s = await two.send()
    later_s = [await two.send() for _ in range(6)]
    assert first_s < 1 + 1.5 + 0.5 and max(later_s) < LATE_S
    redis.thaw()
    await two.settled()
    assert await two.send() < 0.3
    two.assert_complete()
    await two.close()


@one_driver
@pytest.mark.gen_test(timeout=20)
async def test_a_packet_that_was_dropped_is_missed_by_the_next_beat(database, redis):  # noqa: F811
    two = await (await Two.make(database, redis.url)).settled()
    publish = two.buses[0]._put
    two.buses[0]._put = lambda channel, packet: None
    began_s = time.monotonic()
    await two.one.publish("chat:x", 1, first=two.sent)
    two.sent += 1
    two.buses[0]._put = publish
    await until(lambda: len(two.follower.offsets) == 1)
    assert 0.0 < time.monotonic() - began_s < 2.3
    two.assert_complete()
    await two.close()


@one_driver
@pytest.mark.gen_test(timeout=30)
async def test_one_who_alone_has_no_redis_is_missed(database, redis):  # noqa: F811
    """The other hears Redis, but nothing of it: only that it lives."""
    two = await Two.make(database, AWAY, other_url=redis.url)
    await until(lambda: two.other.processes.live() == {b"p1", b"p2"})
    await until(lambda: two.buses[1]._beats.silent(two.other.processes.live()))  # three seconds, from when it was first heard of
    assert two.buses[1]._up and not two.buses[0]._up
    for _ in range(3):
        assert await two.send() < LATE_S
    two.assert_complete()
    await two.close()


@one_driver
@pytest.mark.gen_test(timeout=20)
@pytest.mark.parametrize("url", [AWAY, "redis://nobody.invalid", "redis://127.0.0.1:1/0?no_such_option=1"])
async def test_without_redis_at_the_start_all_goes_on(database, url, caplog):
    two = await Two.make(database, url)
    for _ in range(3):
        assert await two.send() < LATE_S
    two.assert_complete()
    lines = [record.message for record in caplog.records if record.name == "anywire.bus"]
    assert len(lines) == 2 and all("away" in line for line in lines)  # one of each process
    await two.close()


@one_driver
@pytest.mark.gen_test(timeout=20)
async def test_a_password_is_used_and_never_logged(database, folder, caplog):
    caplog.set_level(logging.DEBUG, "anywire")
    server = RedisServer(folder, "--requirepass", "open-sesame").start()
    wrong = await Two.make(database, server.url.replace("//", "//:mellon@"))
    await until(lambda: wrong.buses[0]._up is False)
    await wrong.close()
    right = await (await Two.make(database, server.url.replace("//", "//:open-sesame@"))).settled()
    assert await right.send() < 0.3
    await right.close()
    assert "sesame" not in caplog.text and "mellon" not in caplog.text
    server.kill()


@one_driver
@pytest.mark.gen_test(timeout=20)
async def test_what_cannot_be_read_ends_nothing(database, redis):  # noqa: F811
    two = await (await Two.make(database, redis.url)).settled()
    channel = two.buses[0]._log_channel
    for junk in (b"junk", b"", b"\x05\x00\x00\x00\x00"):
        two.buses[0]._put(channel, junk)
    assert await two.send() < LATE_S
    await two.settled()
    assert await two.send() < 0.3
    await two.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_new_epoch_is_noticed(database, redis):  # noqa: F811
    two = await (await Two.make(database, redis.url)).settled()
    await database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "restored"}})
    await until(lambda: "restored" in two.other.renewed and "restored" in two.one.renewed, 2.0)
    await two.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_dropped_database_is_another_life(connection, redis):  # noqa: F811
    two = await (await Two.make(connection.database, redis.url)).settled()
    await connection.writer.drop_database(connection.database.name)
    await until(lambda: two.other.renewed, 3.0)
    assert two.other.renewed[0] != two.other.hub.epoch
    await two.close()


@one_driver
@pytest.mark.gen_test(timeout=20)
async def test_who_was_cut_off_from_mongodb_makes_the_others_look(database, redis):  # noqa: F811
    """It may have stored something and not know it; so it leaves a hole in its numbers."""
    two = await (await Two.make(database, redis.url)).settled()
    heads = count_heads(two.other)
    arrivals = two.buses[0]._arrivals
    check_epoch = arrivals.check_epoch

    async def cut_off() -> None:
        raise AutoReconnect("cut")

    arrivals.check_epoch = cut_off
    await until(lambda: two.buses[0]._cut_off)
    assert heads == []
    arrivals.check_epoch = check_epoch
    await until(lambda: heads, 5.0)
    await two.close()


@one_driver
@pytest.mark.gen_test(timeout=20)
async def test_a_stop_says_what_waits(database, redis):  # noqa: F811
    two = await (await Two.make(database, redis.url)).settled()
    heads = count_heads(two.other)
    await two.one.publish("chat:x", 3)
    await two.buses[0].close()
    await until(lambda: len(two.follower.offsets) == 3, 0.5)
    assert heads == []
    await two.buses[1].close()
