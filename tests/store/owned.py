"""What the tests of the owned mongod share: one to talk to, and ways to wait for it."""

import asyncio
import contextlib
import errno
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

from pymongo.errors import PyMongoError

from store.connect import Connection, connect

AGAIN_S = 30
"""Within this a killed mongod is back: it takes 0.5 s, and the machines that test are slow and shared (over 10 s were seen)."""


@contextlib.asynccontextmanager
async def connected(data: Path, driver: str = "pymongo") -> AsyncIterator[Connection]:
    made = await connect(uri=None, data=data, driver=driver)
    try:
        yield made
    finally:
        await made.close()


async def until(condition, within_s: float = AGAIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def insert_until_acknowledged(database, document: dict) -> None:
    """Inserts *document*, again and again while the database is away."""
    deadline = time.monotonic() + AGAIN_S
    while True:
        try:
            await database.things.update_one({"_id": document["_id"]}, {"$set": document}, upsert=True)
            return
        except PyMongoError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def insert_for_ever(database, text: str) -> None:
    while True:
        with contextlib.suppress(PyMongoError):
            await database.things.insert_one({"text": text})


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def fill_up(disk: Path) -> None:
    """Nothing is left, also where somebody writes meanwhile."""
    with open(disk / "filler", "wb") as filler:
        size = 0
        while free := shutil.disk_usage(disk).free:
            try:
                os.posix_fallocate(filler.fileno(), size, free)
                size += free
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def fill(disk: Path, size: int) -> None:
    with open(disk / "filler", "wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, size)
