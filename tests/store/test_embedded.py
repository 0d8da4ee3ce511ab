"""The mongod that the server owns, under every kill: what was acknowledged is there, and nothing hinders the next start."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from store import embedded, mongod, mongod_log, orphan
from store.connect import Connection, StartError, connect
from store.drivers import client
from store.embedded import Embedded
from store.folder import DataFolder

ROOT = Path(__file__).resolve().parents[2]

AGAIN_S = 10
"""Within this a killed mongod is back: it takes 0.5 s, and the machines that test are slow and shared."""

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


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Stops by SIGKILL after a moment, since a clean stop takes a second: each start that follows is one after a crash."""
    monkeypatch.setattr(embedded, "STOP_DEADLINE_S", 0.02)
    monkeypatch.setattr(embedded, "LOG_CHECK_S", 0.1)


@contextlib.asynccontextmanager
async def connected(data: Path, driver: str = "pymongo") -> AsyncIterator[Connection]:
    made = await connect(uri=None, data=data, driver=driver)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A folder that a server wrote one document to and left cleanly."""
    path = tmp_path_factory.mktemp("written")

    async def write() -> None:
        async with connected(path) as made:
            await made.database.things.insert_one({"_id": 1})

    asyncio.run(write())
    return path


@pytest.fixture
def written_folder(written, folder) -> Path:
    """A copy of `written`, the test's own."""
    return shutil.copytree(written, folder / "written")


async def start_server(data: Path) -> tuple[asyncio.subprocess.Process, int]:
    """A server process that owns *data*, and its mongod's pid."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, data, cwd=ROOT, stdout=subprocess.PIPE)
    return process, int(await process.stdout.readline())


async def insert_for_ever(database, text: str) -> None:
    while True:
        with contextlib.suppress(PyMongoError):
            await database.things.insert_one({"text": text})


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


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


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


@pytest.mark.parametrize("stuck", [False, True])
@pytest.mark.gen_test(timeout=30)
async def test_an_orphan_is_ended_before_the_next_start(written_folder, raw_mongod, monkeypatch, stuck):
    folder = written_folder
    left = await asyncio.to_thread(raw_mongod, folder / "mongodb", "--replSet", "rs0")
    if stuck:
        monkeypatch.setattr(orphan, "CLEAN_STOP_S", 0.3)
        left.process.send_signal(signal.SIGSTOP)
    # It is our child here, and a zombie until somebody waits for it: as a real orphan's new parent does.
    reaper = asyncio.create_task(asyncio.to_thread(left.process.wait))
    async with connected(folder) as made:
        assert left.process.poll() == (-signal.SIGKILL if stuck else 0)
        assert await made.database.things.find_one({}) == {"_id": 1}
    await reaper


@pytest.mark.parametrize("written", ["", "no number", "-1", str(os.getpid()), "1", str(2**22 - 1)])
@pytest.mark.gen_test
async def test_a_process_that_is_not_ours_is_left_alone(tmp_path, written):
    (tmp_path / "mongod.lock").write_text(written)
    assert await orphan.end(tmp_path) is False
    assert await orphan.end(tmp_path / "missing") is False


@pytest.mark.gen_test
async def test_where_there_is_no_proc_lsof_is_asked(tmp_path, monkeypatch):
    """A program that writes what macOS' lsof does, for a process that works in tmp_path."""
    isdir = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: path != "/proc/self" and isdir(path))
    monkeypatch.setenv("PATH", str(tmp_path))
    lsof = tmp_path / "lsof"
    for name, ours in (("mongod", True), ("bash", False)):
        lsof.write_text(f'#!/bin/sh\necho "p$3"; echo c{name}; echo fcwd; echo n{tmp_path}\n')
        lsof.chmod(0o755)
        assert orphan.works_in(123, tmp_path) is ours
    lsof.unlink()
    assert orphan.works_in(123, tmp_path) is False


@pytest.mark.gen_test(timeout=20)
async def test_a_mongod_in_another_folder_is_left_alone(folder, raw_mongod):
    other = await asyncio.to_thread(raw_mongod, folder / "other")
    (folder / "mongod.lock").write_text(str(other.process.pid))
    assert await orphan.end(folder) is False
    assert other.process.poll() is None


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


@pytest.mark.gen_test(timeout=30)
async def test_files_of_a_newer_format_are_told_as_another_version(written_folder):
    """mongod's own refusal: the header of its main file says a format that this one can't read yet."""
    folder = written_folder
    (folder / "mongodb.json").unlink()
    file = folder / "mongodb" / "WiredTiger.wt"
    content = bytearray(file.read_bytes())
    content[4:8] = (9).to_bytes(2, "little") + (0).to_bytes(2, "little")  # WT_BLOCK_DESC: magic, major, minor, checksum
    content[8:12] = bytes(4)
    content[8:12] = crc32c(content[:4096]).to_bytes(4, "little")
    file.write_bytes(content)
    with pytest.raises(StartError) as caught:
        await connect(uri=None, data=folder)
    assert caught.value.code == "folder-other-version"
    assert "unsupported WiredTiger file version" in str(caught.value)


def crc32c(data: bytes) -> int:
    checksum = 0xFFFFFFFF
    for byte in data:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (0x82F63B78 if checksum & 1 else 0)
    return checksum ^ 0xFFFFFFFF


@pytest.mark.gen_test(timeout=20)
async def test_a_folder_that_another_version_wrote(written_folder):
    folder = written_folder
    (folder / "mongodb.json").write_text('{"version": "8.0.4"}')
    with pytest.raises(StartError, match=r"8\.0\.4") as caught:
        await connect(uri=None, data=folder)
    assert caught.value.code == "folder-other-version"


@pytest.mark.gen_test(timeout=20)
async def test_damaged_files_are_told_in_mongod_s_words_and_its_log_is_named(written_folder):
    folder = written_folder
    (folder / "mongodb" / "WiredTiger.wt").write_bytes(b"nonsense" * 4096)
    with pytest.raises(StartError) as caught:
        await connect(uri=None, data=folder)
    assert caught.value.code == "mongod-did-not-start"
    assert "mongodb.log" in str(caught.value) and "6." in str(caught.value)


@pytest.mark.gen_test(timeout=20)
async def test_a_mongod_of_somebody_else_in_the_folder(folder, raw_mongod, monkeypatch):
    """It holds mongod's own lock, and isn't taken for ours, since its lock file was emptied."""
    await asyncio.to_thread(raw_mongod, folder / "mongodb")
    (folder / "mongodb" / "mongod.lock").write_text("")
    with pytest.raises(StartError) as caught:
        await connect(uri=None, data=folder)
    assert caught.value.code == "folder-in-use"


@pytest.mark.gen_test(timeout=20)
async def test_a_note_that_can_t_be_written_leaves_nothing_running(folder):
    (folder / "mongodb.json.new").mkdir()
    with pytest.raises(StartError) as caught:
        await connect(uri=None, data=folder)
    assert caught.value.code == "folder-not-writable"
    assert not orphan.works_in(int((folder / "mongodb" / "mongod.lock").read_text() or 0), folder / "mongodb")
    (folder / "mongodb.json.new").rmdir()
    async with connected(folder):
        pass


@pytest.mark.gen_test(timeout=20)
async def test_a_start_that_takes_too_long(folder, monkeypatch):
    monkeypatch.setattr(embedded, "START_DEADLINE_S", 0.05)
    with pytest.raises(StartError, match=r"no writes within 0\.05 s") as caught:
        await connect(uri=None, data=folder)
    assert caught.value.code == "mongod-did-not-start"


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
        fill(disk, made.embedded.free_bytes())
        assert made.embedded.free_bytes() == 0
        writing = asyncio.create_task(insert_for_ever(made.database, "x" * 1_000_000))
        await until(lambda: made.embedded.failure)
        writing.cancel()
        assert made.embedded.failure.code == "disk-full"
        (disk / "filler").unlink()
        await until(lambda: made.embedded.failure is None)
        await insert_until_acknowledged(made.database, {"_id": 2})
        assert await made.database.things.count_documents({"_id": {"$in": [1, 2]}}) == 2


def fill(disk: Path, size: int) -> None:
    with open(disk / "filler", "wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, size)


def test_the_words_of_a_full_disk(tmp_path):
    """mongod's own, when the disk fills up before anybody looked at its size."""
    log = mongod_log.MongodLog(tmp_path / "log")
    with log.begin() as output:
        output.write(
            b'{"s":"E","msg":"WiredTiger error message","attr":{"error":28,"message":{"msg":"pwrite: No space left on device"}}}\n'
        )
        output.write(b'{"s":"F","msg":"aborting"}\n')
    assert log.failure() == ("disk-full", "WiredTiger error message: pwrite: No space left on device")


def test_the_log_stays_short(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod_log, "KEEP_BYTES", 1000)
    log = mongod_log.MongodLog(tmp_path / "log")
    assert log.text() == "" and log.failure() == ("mongod-did-not-start", "it wrote nothing")
    with log.begin() as output:
        for number in range(5):
            output.write(b"%d " % number + b"x" * 600 + b"\n")
            output.flush()
            log.trim()
    assert (tmp_path / "log").stat().st_size < 1000
    assert log.text().startswith("4 ")
    assert (tmp_path / "log.old").read_text().startswith("2 ")
    with log.begin() as output:
        output.write(b"next run\n")
    assert log.failure() == ("mongod-did-not-start", "next run")
