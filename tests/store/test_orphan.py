"""A mongod that outlived its server is ended, and nothing else is."""

import asyncio
import os
import signal

import pytest

from store import orphan
from tests.store.owned import connected

pytestmark = pytest.mark.usefixtures("hasty")


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
