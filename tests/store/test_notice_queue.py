"""Notices: once at each process of other hosts, in order, over either kind of bus; and never in anybody's way."""

import asyncio
import contextlib

import pytest

from store import notice_queue as module
from store.notice_queue import NOTICE_BYTES, WAITING_BYTES, NoticeQueue
from tests.store.processes import Process
from tests.store.redis_server import redis  # noqa: F401
from tests.store.waiting import until

HOSTS = {b"p1": "host-a", b"p2": "host-a", b"p3": "host-b", b"p4": "host-c"}


@contextlib.asynccontextmanager
async def of_three_hosts(kind, connection, redis_url, hosts=HOSTS):
    """Processes with a bus of *kind* each, by name; all know of each other."""
    made = {}
    for name, host in hosts.items():
        process = made[name] = await Process.make(connection.database, name)
        watched = connection.watcher.get_database(connection.database.name)
        process.carrier = process.redis_bus(redis_url, host) if kind == "redis" else process.bus(watched, host)
        await process.processes.start()
        await process.carrier.start()
    for process in made.values():
        process.processes.look()
    await until(lambda: all(p.processes.live() == set(hosts) for p in made.values()))
    if kind == "redis":
        await until(lambda: all(p.carrier._up for p in made.values()))
    yield made
    for process in made.values():
        await process.carrier.close()
        await process.processes.close()


@pytest.mark.gen_test(timeout=20)
@pytest.mark.parametrize("kind", ["change-stream", "redis"])
async def test_once_at_the_others_and_not_at_the_own_host(kind, connection, redis):  # noqa: F811
    async with of_three_hosts(kind, connection, redis.url) as made:
        told = [b"%d" % i for i in range(300)]
        for i, notice in enumerate(told):
            made[b"p1"].carrier.tell(notice)
            if i % 50 == 0:
                await asyncio.sleep(0.01)
        made[b"p3"].carrier.tell(b"\x00\xff")
        await until(lambda: len(made[b"p4"].heard) == 301 and len(made[b"p3"].heard) == 300)
        await asyncio.sleep(1)
        assert made[b"p3"].heard == told
        assert [notice for notice in made[b"p4"].heard if notice != b"\x00\xff"] == told
        assert made[b"p4"].heard.count(b"\x00\xff") == 1
        assert made[b"p1"].heard == made[b"p2"].heard == [b"\x00\xff"]
        # of one turn of the loop in one document
        written = await connection.database.notices.count_documents({})
        assert written == 0 if kind == "redis" else 0 < written < 30


@pytest.mark.gen_test(timeout=20)
@pytest.mark.parametrize("kind", ["change-stream", "redis"])
async def test_alone_on_one_host_nothing_is_written(kind, connection, redis):  # noqa: F811
    async with of_three_hosts(kind, connection, redis.url, {b"p1": "host-a", b"p2": "host-a"}) as made:
        sent = []
        made[b"p1"].carrier._notices._send = sent.append
        made[b"p1"].carrier.tell(b"x")
        await asyncio.sleep(0.2)
        assert sent == [] and made[b"p2"].heard == []


@pytest.mark.gen_test(timeout=20)
async def test_a_notice_that_nobody_understands_ends_nothing(connection):
    async with of_three_hosts("change-stream", connection, "") as made:
        heard = made[b"p4"].carrier._notices._heard

        def hear(notice: bytes) -> None:
            heard(notice)
            raise ValueError("not understood")

        made[b"p4"].carrier._notices._heard = hear
        for notice in (b"1", b"2", b"3"):
            made[b"p1"].carrier.tell(notice)
        await until(lambda: made[b"p4"].heard == [b"1", b"2", b"3"], 3.0)


@pytest.mark.gen_test(timeout=10)
async def test_mongodb_keeps_notices_for_a_minute(connection):
    async with of_three_hosts("change-stream", connection, ""):
        index = (await connection.database.notices.index_information())["old"]
        assert index["expireAfterSeconds"] == 60 and index["key"] == [("t", 1)]


class Somebody:
    """Processes, as far as notices ask: there is somebody else."""

    process, host = b"p1", "host-a"

    def others(self):
        return {b"p2"}


@pytest.mark.gen_test(timeout=10)
async def test_one_sending_at_a_time_and_the_oldest_go(io_loop):
    sent, go = [], asyncio.Event()

    async def send(document):
        sent.append(document["m"])
        await go.wait()

    notices = NoticeQueue(Somebody(), send, lambda notice: None)
    notices.tell(b"first")
    await until(lambda: sent)
    large = WAITING_BYTES // 20
    for i in range(30):
        notices.tell(bytes([i]) * large)
    notices.tell(b"x" * (NOTICE_BYTES + 1))  # too large: as if it hadn't been
    await asyncio.sleep(0.05)
    assert len(sent) == 1
    go.set()
    await until(lambda: len(sent) == 2)
    assert [notice[0] for notice in sent[1]] == list(range(10, 30))


@pytest.mark.gen_test(timeout=10)
async def test_a_sending_that_fails_or_hangs_is_given_up(io_loop, monkeypatch):
    monkeypatch.setattr(module, "SEND_S", 0.1)
    sent = []

    async def send(document):
        sent.append(document["m"])
        if document["m"] == [b"fails"]:
            raise OSError("no way")
        if document["m"] == [b"hangs"]:
            await asyncio.sleep(60)

    notices = NoticeQueue(Somebody(), send, lambda notice: None)
    for notice in (b"fails", b"hangs", b"arrives"):
        notices.tell(notice)
        await asyncio.sleep(0.02)
    await until(lambda: len(sent) == 3)
    assert sent == [[b"fails"], [b"hangs"], [b"arrives"]]
    await notices.close()
