"""A backup is the database at one moment, whatever is written meanwhile."""

import asyncio
import contextlib

import pytest

from store import backup as module
from store.archive import Archive, ArchiveError, ArchiveWriter
from store.backup import backup, snapshot
from store.connect import StartError
from store.restore import restore
from tests.store.backing_up import another, fill
from tests.store.processes import ANNA, Process
from tests.store.voting import Polling, check
from tests.store.working import ONE_DRIVER

WINDOW = "minSnapshotHistoryWindowInSeconds"


async def write_for_ever(process: Polling, acknowledged: dict[str, int], casts: list[int]) -> None:
    """Messages of five channels and ballots of one vote, as quickly as they are taken."""

    async def talk(channel: str) -> None:
        while True:
            receipts = await process.publish(channel, 5, first=acknowledged[channel], size=300)
            acknowledged[channel] = receipts[-1].offset

    async def vote(user: int) -> None:
        for number in range(10**6):
            await process.votes.cast("v", f"u_{user}", [number % 3])
            casts.append(1)

    for number in range(5):
        acknowledged.setdefault(f"chat:{number}", 0)
    await asyncio.gather(*(talk(channel) for channel in list(acknowledged)), *(vote(user) for user in range(8)))


async def holds_together(database, acknowledged: dict[str, int]) -> dict[str, int]:
    """No channel of *database* has a hole or lacks what was *acknowledged*, and the vote is what its ballots say; returns the heads."""
    process = await Polling.make(database, b"p2")
    heads = {}
    for channel, least in acknowledged.items():
        offsets = [message.offset async for chunk in process.reader.chunks(channel, 0) for message in chunk.messages]
        assert offsets == list(range(1, len(offsets) + 1)) and len(offsets) >= least
        heads[channel] = len(offsets)
    await check(process, {document["_id"]["u"]: document["c"] async for document in database.ballots.find()})
    await process.feed.close()
    return heads


@ONE_DRIVER
@pytest.mark.gen_test(timeout=60)
async def test_a_copy_under_load_is_a_prefix_of_each_channel_and_ballots_agree_with_tallies(connection, mongo_uri, tmp_path):
    process = await Polling.make(connection.database)
    await process.vote()
    acknowledged, casts = {}, []
    writing = asyncio.ensure_future(write_for_ever(process, acknowledged, casts))
    heads = []
    try:
        for number in range(4):
            await asyncio.sleep(0.5)
            path, before, counted = tmp_path / f"{number}", dict(acknowledged), len(casts)
            await backup(connection, path)
            assert not writing.done()
            async with another(mongo_uri) as copy:
                await restore(copy, Archive(path))
                heads.append(await holds_together(copy.database, before))
            assert len(casts) > counted
    finally:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
    for channel in acknowledged:
        assert heads[0][channel] < heads[-1][channel] <= acknowledged[channel] + 5
    await process.votes.counted()
    await process.log.close()


@pytest.mark.gen_test(timeout=30)
async def test_everything_is_of_the_moment_at_which_it_began(connection, mongo_uri, tmp_path):
    """Written, trimmed and counted after that, and before the first document is read."""
    process = await fill(connection.database)
    watched = connection.watcher.get_database(connection.database.name)
    async with snapshot(connection.watcher, watched) as taken:
        await process.publish("chat:trimmed", 4, first=200)
        await process.publish("chat:new", 4)
        await process.votes.cast("v", "u_anna", [1])
        await process.votes.cast("v", "u_carl", [1])
        await connection.database.records.delete_many({})
        with ArchiveWriter(tmp_path / "x", taken.header) as archive:
            await taken.write(archive)
            archive.finish()
    async with another(mongo_uri) as copy:
        await restore(copy, Archive(tmp_path / "x"))
        again = await Polling.make(copy.database, b"p2")
        assert (await again.reader.head("chat:trimmed"), await again.reader.head("chat:new")) == (60, 0)
        await check(again, {"u_anna": [0], "u_ben": [2]})
        assert await copy.database.records.count_documents({}) == 1


@pytest.mark.gen_test(timeout=30)
async def test_the_header_and_the_counts(connection, tmp_path):
    process = await fill(connection.database)
    header, counts, size = await backup(connection, tmp_path / "x")
    archive = Archive(tmp_path / "x")
    assert archive.header == header and header.epoch == process.reader.epoch
    assert size == (tmp_path / "x").stat().st_size
    assert counts == {name: await connection.database[name].count_documents({}) for name in counts}
    assert {name for name, count in counts.items() if count} >= {"log", "channels", "meta", "votes", "ballots", "jobs", "uploads.chunks"}
    assert "processes" not in counts
    assert [name for name, _ in archive.documents()] == [name for name, count in counts.items() for _ in range(count)]


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_what_earlier_lives_left_behind_is_left_there(connection, mongo_uri, tmp_path):
    process = await fill(connection.database)
    await connection.database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "newlife1"}})
    process = await Process.make(connection.database)
    await process.publish("chat:x", 2)
    _, counts, _ = await backup(connection, tmp_path / "x")
    assert (counts["log"], counts["channels"]) == (1, 0)
    async with another(mongo_uri) as copy:
        await restore(copy, Archive(tmp_path / "x"))
        assert await (await Process.make(copy.database)).reader.head("chat:x") == 2


@ONE_DRIVER
@pytest.mark.gen_test(timeout=60)
async def test_a_copy_that_outlasts_the_history_fails_and_says_so_and_a_longer_history_helps(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    process = await Process.make(connection.database)
    for first in range(0, 300, 10):
        await process.publish(f"chat:{first}", 10, first=first, size=50_000)
    admin = connection.watcher.admin
    was = (await admin.command({"setParameter": 1, WINDOW: 0}))["was"]
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await process.log.append("chat:x", ANNA, None, b'"more"')

    writing = asyncio.ensure_future(write())
    try:
        with pytest.raises(ArchiveError, match=f"took longer than MongoDB keeps.*\n.*{WINDOW}"):
            await backup(connection, tmp_path / "x", window_s=0)
        assert list(tmp_path.iterdir()) == []
        await backup(connection, tmp_path / "x")
        assert (await admin.command({"getParameter": 1, WINDOW: 1}))[WINDOW] == 0
    finally:
        stop.set()
        await writing
        await admin.command({"setParameter": 1, WINDOW: was})
    assert sum(1 for name, _ in Archive(tmp_path / "x").documents() if name == "log") >= 30


@pytest.mark.gen_test(timeout=30)
async def test_a_database_without_anything_or_with_half_of_something_is_not_backed_up(connection, tmp_path):
    with pytest.raises(ArchiveError, match="nothing to back up"):
        await backup(connection, tmp_path / "x")
    await fill(connection.database)
    await backup(connection, tmp_path / "whole")
    await connection.database.meta.update_one({"_id": "anywire"}, {"$set": {"schema": 2}})
    with pytest.raises(ArchiveError, match="another version of Anywire"):
        await backup(connection, tmp_path / "x")
    await restore(connection, Archive(tmp_path / "whole"), force=True)
    await connection.database.meta.update_one({"_id": "anywire"}, [{"$set": {"restoring": {"from": "whole", "since": "$$NOW"}}}])
    with pytest.raises(StartError, match="make restore") as refused:
        await backup(connection, tmp_path / "x")
    assert refused.value.code == "half-restored"
    assert not (tmp_path / "x").exists()


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_restore_in_the_middle_is_noticed(connection, tmp_path, monkeypatch):
    """What it has dropped, and not filled yet, reads as empty."""
    await fill(connection.database)
    real = module.Snapshot.write

    async def write(self, archive):
        await connection.database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "another1"}})
        for name in await module.names_of(connection.database):
            if name != "meta":
                await connection.database.drop_collection(name)
        await real(self, archive)

    monkeypatch.setattr(module.Snapshot, "write", write)
    with pytest.raises(ArchiveError, match="was restored into the database"):
        await backup(connection, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_collection_that_was_just_made_is_no_obstacle(connection, tmp_path, monkeypatch):
    """MongoDB refuses to read one as it was before it was made."""
    await fill(connection.database)
    real, tries = module.Snapshot.write, []

    async def write(self, archive):
        tries.append(1)
        if len(tries) == 1:
            await connection.database.records.drop()
            await connection.database.records.insert_one({"_id": "new"})
        await real(self, archive)

    monkeypatch.setattr(module.Snapshot, "write", write)
    _, counts, _ = await backup(connection, tmp_path / "x")
    assert len(tries) == 2 and counts["records"] == 1
