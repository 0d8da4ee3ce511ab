"""Notices between the workers of a host, by real sockets."""

import asyncio
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.neighbours import ROOM_BYTES, Neighbours


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aw-") as path:
        yield Path(path)


class Worker:
    def __init__(self, folder: Path):
        self.heard: list[bytes] = []
        self.neighbours = Neighbours(folder, secrets.token_bytes(6), self.heard.append)


async def started(folder: Path, count: int) -> list[Worker]:
    workers = [Worker(folder) for _ in range(count)]
    for worker in workers:
        await worker.neighbours.start()
    return workers


async def settled(*workers: Worker, notices: int) -> None:
    for _ in range(200):
        if all(len(worker.heard) >= notices for worker in workers):
            break
        await asyncio.sleep(0.01)


@pytest.mark.gen_test(timeout=20)
async def test_all_others_hear_each_notice_once(folder: Path):
    first, second, third = await started(folder, 3)
    for number in range(50):
        first.neighbours.tell(b"%d" % number)
    await settled(second, third, notices=50)
    assert second.heard == third.heard == [b"%d" % number for number in range(50)]
    assert first.heard == []
    for worker in (first, second, third):
        worker.neighbours.close()
    assert list(folder.iterdir()) == []


@pytest.mark.gen_test(timeout=20)
async def test_who_comes_later_hears_what_is_told_then(folder: Path):
    first, second = await started(folder, 2)
    first.neighbours.tell(b"a")
    (third,) = await started(folder, 1)
    first.neighbours.tell(b"b")
    await settled(second, notices=2)
    await settled(third, notices=1)
    assert (second.heard, third.heard) == ([b"a", b"b"], [b"b"])
    for worker in (first, second, third):
        worker.neighbours.close()


@pytest.mark.gen_test(timeout=20)
async def test_who_has_gone_is_no_hindrance(folder: Path):
    first, dead = await started(folder, 2)
    first.neighbours.tell(b"a")
    await settled(dead, notices=1)
    path = dead.neighbours._own
    dead.neighbours.close()
    with socket.socket(socket.AF_UNIX) as left:  # its name stays, as after a kill
        left.bind(str(path))
    (last,) = await started(folder, 1)
    for _ in range(3):
        first.neighbours.tell(b"last")
        await asyncio.sleep(0.05)
    assert last.heard == [b"last"] * 3


@pytest.mark.gen_test(timeout=20)
async def test_for_who_is_busy_a_bounded_number_waits(folder: Path):
    first, busy = await started(folder, 2)
    first.neighbours.tell(b"a")
    await settled(busy, notices=1)
    for _ in range(2 * ROOM_BYTES // 100_000):  # in one turn of the loop: it has none to read in
        first.neighbours.tell(b"x" * 100_000)
    (other,) = first.neighbours._others.values()
    assert other._transport.get_write_buffer_size() <= ROOM_BYTES
    await settled(busy, notices=ROOM_BYTES // 100_000)
    first.neighbours.tell(b"b")
    await asyncio.sleep(0.1)
    assert busy.heard[-1] == b"b"


@pytest.mark.gen_test(timeout=20)
async def test_a_notice_may_be_as_long_as_a_signal(folder: Path):
    first, second = await started(folder, 2)
    first.neighbours.tell(b"x" * 100_000)
    await settled(second, notices=1)
    assert [len(notice) for notice in second.heard] == [100_000]
    for worker in (first, second):
        worker.neighbours.close()
