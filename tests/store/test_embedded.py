"""The mongod that the server owns, under every kill: what was acknowledged is there, and nothing hinders the next start."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store import embedded, mongod, orphan
from store.connect import Connection, StartError, connect
from store.drivers import client
from store.embedded import Embedded
from store.folder import DataFolder
from tests.store.owned import AGAIN_S, alive, connected, insert_until_acknowledged, until

pytestmark = pytest.mark.usefixtures("hasty")

ROOT = Path(__file__).resolve().parents[2]

SERVER = """
import asyncio, pathlib, sys
from store.connect import connect

async def main():
    connection = await connect(uri=None, data=pathlib.Path(sys.argv[1]), driver="pymongo")
    await connection.database.things.insert_one({"_id": "from the server"})
    print(connection.embedded.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def start_server(data: Path) -> tuple[asyncio.subprocess.Process, int]:
    """A server process that owns *data*, and its mongod's pid."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, data, cwd=ROOT, stdout=subprocess.PIPE)
    return process, int(await process.stdout.readline())


@pytest.mark.gen_test(timeout=40)
async def test_a_killed_mongod_comes_back_with_all_that_was_acknowledged(folder, driver, caplog):
    caplog.set_level(logging.INFO)
    async with connected(folder, driver) as made:
        for number in range(2):
            await made.database.things.insert_one({"_id": number})
            pid = made.embedded.pid
            os.kill(pid, signal.SIGKILL)
            await insert_until_acknowledged(made.database, {"_id": f"after {number}"})
            assert made.embedded.pid != pid
            assert made.embedded.failure is None
        found = [document["_id"] async for document in made.database.things.find()]
        assert sorted(map(str, found)) == ["0", "1", "after 0", "after 1"]
    lines = [record.getMessage() for record in caplog.records if record.name == "store.embedded"]
    assert [line for line in lines if "mongod ended by itself (SIGKILL)" in line]


@pytest.mark.gen_test(timeout=40)
async def test_a_killed_server_takes_its_mongod_along_and_leaves_nothing_in_the_way(folder):
    server, pid = await start_server(folder)
    try:
        with pytest.raises(StartError, match=f"process id {server.pid} ") as caught:
            await connect(uri=None, data=folder)
        assert caught.value.code == "folder-in-use"
    finally:
        server.kill()
        await server.wait()
    started = time.monotonic()
    async with connected(folder) as made:
        assert time.monotonic() - started < AGAIN_S
        assert not orphan.works_in(pid, folder / "mongodb")
        assert await made.database.things.find_one({}) == {"_id": "from the server"}


@pytest.mark.gen_test(timeout=20)
async def test_a_stop_leaves_no_process_no_socket_no_lock_and_the_terminal_can_t_interrupt_it(folder, monkeypatch):
    monkeypatch.setattr(embedded, "STOP_DEADLINE_S", AGAIN_S)
    async with connected(folder) as made:
        pid = made.embedded.pid
        assert os.getsid(pid) == pid != os.getsid(0)
        assert made.embedded.free_bytes() > 0
    assert not alive(pid)
    assert not (folder / "mongodb" / "mongod.sock").exists()
    assert made.embedded.pid is None
    await made.embedded.stop()
    claimed = DataFolder(folder)
    await claimed.claim()
    claimed.release()
    assert "Shutting down" in (folder / "mongodb.log").read_text().splitlines()[-1]


@pytest.mark.gen_test(timeout=20)
async def test_a_mongod_that_hangs_is_stopped_all_the_same(folder):
    started = Embedded(DataFolder(folder), await mongod.find(), "pymongo")
    await started.start()
    pid = started.pid
    os.kill(pid, signal.SIGSTOP)
    await started.stop()
    assert not alive(pid)


@pytest.mark.gen_test(timeout=20)
async def test_stopped_while_it_starts_again(folder):
    started = Embedded(DataFolder(folder), await mongod.find(), "pymongo")
    await started.start()
    first = started.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: started.pid not in (None, first))
    second = started.pid
    await started.stop()
    assert not alive(second)
    assert not orphan.works_in(second, folder / "mongodb")


@pytest.mark.gen_test(timeout=30)
async def test_the_folder_can_be_moved_and_may_have_any_name(written_folder, folder):
    target = folder / "a b%41:,+@é" / ("x" * 150)
    target.parent.mkdir()
    written_folder.rename(target)
    async with connected(target, "motor") as made:
        assert await made.database.things.find_one({}) == {"_id": 1}


@pytest.mark.gen_test(timeout=30)
async def test_a_set_that_knew_itself_by_another_address_learns_the_new_one(folder, raw_mongod):
    raw = await asyncio.to_thread(raw_mongod, folder / "mongodb", "--replSet", "rs0", socket_name="old.sock")
    made = await connect_raw(raw, folder / "mongodb" / "old.sock")
    await made.database.things.insert_one({"_id": 1})
    await made.close()
    raw.process.terminate()
    await asyncio.to_thread(raw.process.wait)
    async with connected(folder) as made:
        assert await made.database.things.find_one({}) == {"_id": 1}
        config = (await made.writer.admin.command("replSetGetConfig"))["config"]
        assert [member["host"] for member in config["members"]] == ["./mongod.sock"]


async def connect_raw(raw, host: Path) -> Connection:
    admin = client("pymongo", raw.uri + "?directConnection=true")
    await admin.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": str(host)}]})
    while not (await admin.admin.command("hello"))["isWritablePrimary"]:
        await asyncio.sleep(0.01)
    await admin.close()
    return await connect(uri=raw.uri, data=Path("/nowhere"), driver="pymongo")
