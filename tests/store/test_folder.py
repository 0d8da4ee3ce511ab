"""The data folder: one owner, a version, room, a path that a socket address can hold."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store import folder as module
from store.folder import DataFolder
from store.start_error import StartError
from tests.store.owned import fill

HOLDER = """
import fcntl, json, os, socket, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.write(fd, json.dumps({"pid": os.getpid(), "host": sys.argv[2] or socket.gethostname(), "since": "noon"}).encode())
if os.fork() == 0:
    time.sleep(float(sys.argv[3]))
    os._exit(0)
print("held", flush=True)
os._exit(0)
"""


def hold(path: Path, *, host: str = "", for_s: float) -> None:
    """Leaves *path* locked for a while by the child of an owner that is dead."""
    path.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-c", HOLDER, path / "owner", host, str(for_s)], check=True, stdout=subprocess.DEVNULL)


def same_folder(socket_path: str, folder: Path) -> bool:
    try:
        return os.path.samefile(os.path.dirname(socket_path), folder)
    except FileNotFoundError:
        return False


async def refusal(data: DataFolder, code: str) -> str:
    with pytest.raises(StartError) as caught:
        await data.claim()
    assert caught.value.code == code
    return str(caught.value)


@pytest.mark.gen_test
async def test_one_owner_at_a_time_named_in_the_error(tmp_path):
    first, second = DataFolder(tmp_path / "a/b"), DataFolder(tmp_path / "a/b")
    await first.claim()
    text = await refusal(second, "folder-in-use")
    assert f"process id {os.getpid()} " in text and " UTC" in text and str(tmp_path) in text
    first.release()
    await second.claim()
    second.release()
    second.release()


@pytest.mark.gen_test(timeout=10)
async def test_a_dead_owner_s_child_is_waited_for(tmp_path):
    await asyncio.to_thread(hold, tmp_path, for_s=0.4)
    data = DataFolder(tmp_path)
    started = time.monotonic()
    await data.claim()
    assert time.monotonic() - started < 3
    data.release()


@pytest.mark.gen_test(timeout=10)
async def test_but_not_for_ever_and_not_on_another_host(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEAD_OWNER_WAIT_S", 0.1)
    await asyncio.to_thread(hold, tmp_path / "a", for_s=1)
    assert "since noon" in await refusal(DataFolder(tmp_path / "a"), "folder-in-use")
    monkeypatch.setattr(module, "DEAD_OWNER_WAIT_S", 60)
    await asyncio.to_thread(hold, tmp_path / "b", host="elsewhere", for_s=1)
    assert "on elsewhere" in await refusal(DataFolder(tmp_path / "b"), "folder-in-use")


@pytest.mark.parametrize("written", ["", "[]", "{", '{"pid": "x"}', '{"pid": 1}', '{"pid": 1e300}', '{"pid": 99999999999999999999}'])
@pytest.mark.gen_test
async def test_whatever_the_owner_file_says_the_lock_decides(tmp_path, written):
    first = DataFolder(tmp_path)
    (tmp_path / "owner").write_text(written)
    await first.claim()
    (tmp_path / "owner").write_text(written)
    await refusal(DataFolder(tmp_path), "folder-in-use")
    first.release()


@pytest.mark.gen_test
async def test_only_its_owner_may_look_into_it(tmp_path):
    (tmp_path / "mongodb").mkdir(mode=0o755)
    data = DataFolder(tmp_path)
    await data.claim()
    assert data.mongodb.stat().st_mode & 0o777 == 0o700
    data.release()


@pytest.mark.gen_test
async def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    assert "is not a folder" in await refusal(DataFolder(tmp_path / "file"), "folder-not-writable")
    assert "is not a folder" in await refusal(DataFolder(tmp_path / "file/below"), "folder-not-writable")


@pytest.mark.gen_test
async def test_a_folder_that_may_not_be_written(tmp_path):
    if os.geteuid() == 0:  # whom modes don't stop, but the kernel's own file system does
        forbidden = Path("/sys/anywire")
    else:
        forbidden = tmp_path / "forbidden"
        forbidden.mkdir(mode=0o500)
    text = await refusal(DataFolder(forbidden), "folder-not-writable")
    assert "can't be written" in text and "ANYWIRE_DATA" in text


@pytest.mark.gen_test
async def test_a_path_that_no_file_system_takes(tmp_path):
    await refusal(DataFolder(tmp_path / ("x" * 300)), "folder-path-too-long")
    await refusal(DataFolder(Path("/tmp" + "/x" * 3000)), "folder-path-too-long")


@pytest.mark.gen_test
async def test_a_path_too_long_for_a_socket_is_reached_through_a_descriptor(tmp_path):
    data = DataFolder(tmp_path / ("x" * 200))
    await data.claim()
    short = data.socket_path()
    assert len(short) < 50 and same_folder(short, data.mongodb)
    assert data.socket_path() == short
    data.release()
    assert not same_folder(short, data.mongodb)


@pytest.mark.gen_test
async def test_and_without_proc_it_is_an_error_that_says_by_how_much(tmp_path):
    length = len(str(tmp_path)) + 1
    data = DataFolder(tmp_path / ("x" * (110 - length)), proc=tmp_path / "no-proc")
    size = 110 + len("/mongodb/mongod.sock")
    with pytest.raises(StartError) as caught:
        data.socket_path()
    assert caught.value.code == "folder-path-too-long"
    assert f"{size} bytes" in str(caught.value) and f"{size - module.SOCKET_PATH_MAX_BYTES} bytes shorter" in str(caught.value)
    assert DataFolder(Path("/tmp/é"), proc=tmp_path / "no-proc").socket_path() == "/tmp/é/mongodb/mongod.sock"


@pytest.mark.parametrize(("written", "refused"), [("6.0.5", False), ("6.0.99", False), ("7.0.1", True), ("4.4.30", True), ("60.0.1", True)])
@pytest.mark.gen_test
async def test_another_major_version_is_refused(tmp_path, written, refused):
    data = DataFolder(tmp_path)
    await data.claim()
    data.record_version(written)
    data.check_version("6.0.5")  # nothing was written yet
    (data.mongodb / "WiredTiger").touch()
    if refused:
        with pytest.raises(StartError) as caught:
            data.check_version("6.0.5")
        assert caught.value.code == "folder-other-version"
        assert written in str(caught.value) and "6.0.5" in str(caught.value)
    else:
        data.check_version("6.0.5")
    data.release()


@pytest.mark.parametrize("note", ["", "[]", "{}", json.dumps({"version": "6.0.1"})])
def test_a_note_that_says_nothing_refuses_nothing(tmp_path, note):
    data = DataFolder(tmp_path)
    data.mongodb.mkdir()
    (data.mongodb / "WiredTiger").touch()
    (tmp_path / "mongodb.json").write_text(note)
    data.check_version("6.0.5")


@pytest.mark.gen_test
async def test_too_little_room(small_disk):
    data = DataFolder(small_disk(100) / "data")
    await data.claim()
    assert 50_000_000 < data.free_bytes() < 105_000_000
    with pytest.raises(StartError) as caught:
        data.check_space()
    assert caught.value.code == "disk-full"
    assert "MB are free" in str(caught.value) and "335 MB" in str(caught.value)
    (data.mongodb / "WiredTiger").touch()
    data.check_space()  # what was written before can still be opened and read
    fill(data.path, 60_000_000)
    with pytest.raises(StartError, match="67 MB"):
        data.check_space()
    data.release()


@pytest.mark.gen_test
async def test_no_room_at_all(small_disk):
    disk = small_disk(1)
    (disk / "data").mkdir()
    (disk / "data" / "mongodb").mkdir()
    fill(disk, DataFolder(disk).free_bytes())
    assert "0 MB are free" in await refusal(DataFolder(disk / "data"), "disk-full")
