"""While a mongod can't be kept running, the log says why; once the reason is gone it comes back by itself."""

import asyncio
import logging
import os
import signal

import pytest

from store import embedded, mongod
from store.connect import StartError, connect
from store.embedded import Embedded
from store.folder import DataFolder
from tests.store.owned import connected, fill, fill_up, insert_for_ever, insert_until_acknowledged, until

pytestmark = pytest.mark.usefixtures("hasty")


@pytest.mark.gen_test(timeout=40)
async def test_while_it_can_t_be_kept_running_the_log_says_why_and_it_comes_back(folder, monkeypatch, caplog):
    monkeypatch.setattr(embedded, "BACKOFF_S", (0.0, 0.05, 0.05))
    async with connected(folder) as made:
        await made.database.things.insert_one({"_id": 1})
        turtle = folder / "mongodb" / "WiredTiger.turtle"
        os.kill(made.embedded.pid, signal.SIGKILL)
        turtle.rename(folder / "aside")
        turtle.mkdir()
        await until(lambda: made.embedded.failure)
        assert made.embedded.failure.code == "mongod-did-not-start"
        turtle.rmdir()
        (folder / "aside").rename(turtle)
        await until(lambda: made.embedded.failure is None)
        assert await made.database.things.find_one({}) == {"_id": 1}
    assert [record for record in caplog.records if record.levelno == logging.ERROR and "can't be kept running" in record.getMessage()]


@pytest.mark.gen_test(timeout=40)
async def test_a_mongod_that_is_killed_again_and_again(folder, caplog):
    async with connected(folder) as made:
        for _ in range(3):
            pid = made.embedded.pid
            os.kill(pid, signal.SIGKILL)
            await until(lambda: made.embedded.pid not in (None, pid))  # noqa: B023, asked before the next turn
        await until(lambda: made.embedded.failure is None)
    assert "it was ended by SIGKILL: somebody did that" in caplog.text


@pytest.mark.gen_test(timeout=40)
async def test_an_executable_that_goes_away_while_it_runs(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "BACKOFF_S", (0.0, 0.05, 0.05))
    link = tmp_path / "mongod"
    link.symlink_to(mongod.candidates()[0])
    started = Embedded(DataFolder(folder), await mongod.find([link]), "pymongo")
    await started.start()
    try:
        link.rename(tmp_path / "aside")
        os.kill(started.pid, signal.SIGKILL)
        await until(lambda: started.failure)
        assert "No such file" in str(started.failure)
        (tmp_path / "aside").rename(link)
        await until(lambda: started.failure is None)
    finally:
        await started.stop()


@pytest.mark.gen_test(timeout=60)
async def test_a_disk_that_fills_up_and_is_freed(small_disk, monkeypatch, caplog):
    monkeypatch.setattr(embedded, "BACKOFF_S", (0.0, 0.05, 0.1))
    disk = small_disk(400)
    with pytest.raises(StartError) as caught:
        fill(disk, 200_000_000)
        await connect(uri=None, data=disk / "data")
    assert caught.value.code == "disk-full"
    (disk / "filler").unlink()
    async with connected(disk / "data") as made:
        await made.database.things.insert_one({"_id": 1})
        fill_up(disk)
        assert made.embedded.free_bytes() == 0
        writing = asyncio.create_task(insert_for_ever(made.database, "x" * 1_000_000))
        await until(lambda: made.embedded.failure)
        writing.cancel()
        assert made.embedded.failure.code == "disk-full"
        (disk / "filler").unlink()
        await until(lambda: made.embedded.failure is None)
        await insert_until_acknowledged(made.database, {"_id": 2})
        assert await made.database.things.count_documents({"_id": {"$in": [1, 2]}}) == 2
