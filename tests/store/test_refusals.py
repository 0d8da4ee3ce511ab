"""Folders that mongod can't start in: each is told for what it is, and nothing is left running."""

import asyncio

import pytest

from store import embedded, orphan
from store.connect import StartError, connect
from tests.store.owned import connected

pytestmark = pytest.mark.usefixtures("hasty")


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
