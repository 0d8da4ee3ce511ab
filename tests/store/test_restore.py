"""A restore: everything comes back, as another life of the log, or the database says that it is half of something."""

import asyncio
import datetime

import bson
import pytest

from protocol.positions import Last, Next, Oldest, Position
from store import restore as module
from store.archive import Archive, ArchiveError, ArchiveWriter
from store.backup import backup
from store.connect import StartError
from store.meta import check_whole, load_meta
from store.restore import restore
from tests.store.backing_up import COLLECTIONS, another, dump, expected, fill, indexes, read_events
from tests.store.processes import BEN, Follower, Process
from tests.store.trimming import HOUR_MS, retention
from tests.store.voting import Page, Polling, check
from tests.store.working import ONE_DRIVER


async def backed_up(connection, path) -> Archive:
    await backup(connection, path)
    return Archive(path)


@pytest.mark.gen_test(timeout=30)
async def test_every_collection_comes_back_in_another_life(connection, driver, mongo_uri, tmp_path):
    process = await fill(connection.database)
    before = await dump(connection.database)
    assert before.keys() >= COLLECTIONS and all(before[name] for name in COLLECTIONS)
    archive = await backed_up(connection, tmp_path / "x")
    async with another(mongo_uri, driver) as copy:
        epoch, counts = await restore(copy, archive)
        assert epoch != process.reader.epoch
        after = await dump(copy.database)
        assert read_events(after) == expected(before, process.reader.epoch, epoch)
        assert counts == {name: len(documents) for name, documents in before.items()}
        assert await indexes(copy.database) == await indexes(connection.database)
        # and the other way: a second generation is as good as the first
        again, _ = await restore(connection, await backed_up(copy, tmp_path / "y"), force=True)
        assert read_events(await dump(connection.database)) == expected(after, epoch, again)


@pytest.mark.gen_test(timeout=30)
async def test_who_comes_with_a_position_of_before_is_told_and_gets_what_is_kept(connection, tmp_path):
    process = await fill(connection.database)
    old = process.reader.epoch
    archive = await backed_up(connection, tmp_path / "x")
    await process.publish("chat:x", 3, first=500)  # which the restore takes back
    epoch, _ = await restore(connection, archive, force=True)
    fresh = await Process.make(connection.database, b"p2")
    assert fresh.reader.epoch == epoch
    for start in (Position(old, 12), Position(old, 15), Position(old, 3)):
        follower = Follower(fresh)
        await follower.follow("chat:x", start)
        assert (follower.offsets, follower.gaps) == (list(range(1, 13)), 1)
    follower = Follower(fresh)
    await follower.follow("chat:trimmed", Position(old, 60))
    assert (follower.offsets, follower.gaps) == (list(range(37, 61)), 1)
    for start in (Position(old, 1), Position(old, 3)):
        follower = Follower(fresh)
        await follower.follow("board:x", start)
        assert (follower.offsets, follower.gaps) == ([3], 1)
    for start in (Position(epoch, 12), Next()):
        follower = Follower(fresh)
        await follower.follow("chat:x", start)
        assert (follower.offsets, follower.gaps) == ([], 0)
    await fresh.feed.close()


@pytest.mark.gen_test(timeout=30)
async def test_what_is_sent_again_after_it_is_stored_once(connection, tmp_path):
    """Clients keep what they sent until they have a receipt: what the backup holds is known, the rest is stored anew."""
    process = await fill(connection.database)
    archive = await backed_up(connection, tmp_path / "x")
    lost = await process.publish("chat:x", 2, user=BEN, first=107)
    epoch, _ = await restore(connection, archive, force=True)
    fresh = await Process.make(connection.database)
    again = await fresh.publish("chat:x", 9, user=BEN, first=100)
    assert [receipt.duplicate for receipt in again] == [True] * 7 + [False] * 2
    assert [receipt.position for receipt in again] == [f"{epoch}-{offset}" for offset in range(6, 15)]
    assert [receipt.offset for receipt in lost] == [13, 14]


@pytest.mark.gen_test(timeout=30)
async def test_votes_go_on_where_they_were(connection, tmp_path):
    process = await fill(connection.database)
    archive = await backed_up(connection, tmp_path / "x")
    await process.votes.cast("v", "u_carl", [2])
    epoch, _ = await restore(connection, archive, force=True)
    fresh = await Polling.make(connection.database, b"p2")
    await check(fresh, {"u_anna": [0], "u_ben": [2]})
    page = Page(fresh)
    await page.follow("vote:v", Next())
    await fresh.votes.cast("v", "u_dora", [1])
    await check(fresh, {"u_anna": [0], "u_ben": [2], "u_dora": [1]})
    assert (await fresh.votes.get("v")).position == (epoch, 4)
    assert page.states[-1]["voters"] == 3


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_what_was_trimmed_stays_trimmed_and_offsets_go_on(connection, tmp_path):
    await fill(connection.database)
    await restore(connection, await backed_up(connection, tmp_path / "x"), force=True)
    fresh = await Process.make(connection.database, b"p2")
    assert await fresh.reader.bounds("chat:trimmed") == (60, 36)
    assert await fresh.reader.bounds("chat:emptied") == (5, 5)
    assert (await fresh.publish("chat:emptied", 1, first=900))[0].offset == 6
    follower = Follower(fresh)
    await follower.follow("chat:emptied", Oldest())
    assert (follower.offsets, follower.gaps) == ([6], 0)
    # trimmed on, emptied, and restored once more
    for _ in range(2):
        await retention(fresh, now_ms=31 * 24 * HOUR_MS).sweep()
    assert await connection.database.log.count_documents({}) == 0
    heads = {"chat:trimmed": 60, "chat:emptied": 6, "chat:x": 12, "board:x": 3, "vote:v": 3}
    await restore(connection, await backed_up(connection, tmp_path / "y"), force=True)
    fresh = await Polling.make(connection.database, b"p3")
    assert {channel: tuple(await fresh.reader.bounds(channel)) for channel in heads} == {
        channel: (head, head) for channel, head in heads.items()
    }
    follower = Follower(fresh)
    await follower.follow("chat:x", Last(10))
    assert (await fresh.publish("chat:x", 1))[0].offset == 13
    assert (follower.offsets, follower.gaps) == ([13], 0)
    assert await fresh.votes.show("v")
    assert (await fresh.votes.get("v")).position.offset == 4


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_database_that_holds_something_is_left_alone_unless_it_is_forced(connection, tmp_path):
    await fill(connection.database)
    archive = await backed_up(connection, tmp_path / "x")
    before = await dump(connection.database)
    with pytest.raises(ArchiveError, match="FORCE=1"):
        await restore(connection, archive)
    assert await dump(connection.database) == before
    for name in module.HOLDS:
        if name != "jobs":
            await connection.database[name].delete_many({})
    with pytest.raises(ArchiveError, match="FORCE=1"):
        await restore(connection, archive)
    await connection.database.jobs.delete_many({})
    await restore(connection, archive)
    assert await connection.database.log.count_documents({}) > 0


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_server_that_lives_on_the_database_is_not_robbed_of_it_even_by_force(connection, tmp_path):
    await fill(connection.database)
    archive = await backed_up(connection, tmp_path / "x")
    until = {"$add": ["$$NOW", 60_000]}
    await connection.database.processes.update_one({"_id": b"alive"}, [{"$set": {"h": "abcdef", "until": until}}], upsert=True)
    before = await dump(connection.database)
    with pytest.raises(ArchiveError, match=r"on host abcdef: stop it first(.|\n)*UTC"):
        await restore(connection, archive, force=True)
    assert await dump(connection.database) == before
    await connection.database.processes.update_one({"_id": b"alive"}, [{"$set": {"until": {"$add": ["$$NOW", -1]}}}])
    await restore(connection, archive, force=True)


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_server_that_starts_at_the_same_moment_is_seen(connection, tmp_path, monkeypatch):
    """Between our first look and the mark, which it didn't see."""
    await fill(connection.database)
    archive = await backed_up(connection, tmp_path / "x")
    before = await dump(connection.database)

    async def load(database):
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
        await database.processes.insert_one({"_id": b"alive", "h": "abcdef", "until": until})
        return await load_meta(database)

    monkeypatch.setattr(module, "load_meta", load)
    with pytest.raises(ArchiveError, match="stop it first"):
        await restore(connection, archive, force=True)
    assert await dump(connection.database) == before
    await check_whole(connection.database)


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_interrupted_anywhere_it_is_marked_until_it_has_run_again(connection, tmp_path, monkeypatch):
    """Also to a process that slept through it all: what that writes lies in an epoch of its own."""
    process = await fill(connection.database)
    old = process.reader.epoch
    archive = await backed_up(connection, tmp_path / "x")
    before = await dump(connection.database)
    renewed, calls = module.renewed, []

    def fail(collection, *about):
        calls.append(collection)
        if len(calls) == sum(len(documents) for documents in before.values()) + at:  # after all of the verification
            raise ArchiveError("a power cut")
        return renewed(collection, *about)

    monkeypatch.setattr(module, "renewed", fail)
    for at in (0, 3, 12):
        calls.clear()
        with pytest.raises(ArchiveError, match="a power cut"):
            await restore(connection, archive, force=at == 0)
        with pytest.raises(StartError, match="make restore FROM=") as refused:
            await check_whole(connection.database)
        assert refused.value.code == "half-restored" and "restoring x, begun at " in str(refused.value)
        sleeper = await Process.make(connection.database, b"p2")
        assert sleeper.reader.epoch != old
        await sleeper.publish("chat:x", 2)
    monkeypatch.undo()
    epoch, _ = await restore(connection, archive)  # it need not be forced: what is there is half of a backup
    await check_whole(connection.database)
    assert read_events(await dump(connection.database)) == expected(before, old, epoch)


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_a_running_process_hears_of_the_new_epoch(connection, tmp_path):
    """None should be there; one that was suspended may have been taken for dead."""
    process = await fill(connection.database)
    archive = await backed_up(connection, tmp_path / "x")
    bus = process.bus(connection.watcher.get_database(connection.database.name))
    await bus.start()
    epoch, _ = await restore(connection, archive, force=True)
    async with asyncio.timeout(10):
        while not process.renewed or process.renewed[-1] != epoch:
            await asyncio.sleep(0.01)
    await bus.close()


@ONE_DRIVER
@pytest.mark.gen_test(timeout=30)
async def test_all_of_it_is_looked_at_before_anything_is_touched(connection, tmp_path):
    """A file without a fault of its own, but with something in it that no server of this version wrote."""
    await fill(connection.database)
    archive = await backed_up(connection, tmp_path / "x")
    before = await dump(connection.database)
    chunk = bson.decode(next(document for name, document in archive.documents() if name == "log"))
    wrong = {
        "offset": {"_id": {**chunk["_id"], "o": 999}},
        "channel": {"_id": {**chunk["_id"], "c": "chat:other"}},
        "epoch": {"_id": {**chunk["_id"], "e": "other000"}},
        "count": {"n": chunk["n"] + 1},
        "hash": {"k": [b"0" * 16]},
        "event": {"m": b"nonsense"},
    }
    for name, change in wrong.items():
        rewrite(
            archive, tmp_path / name, lambda collection, document, change=change: {**document, **(change if collection == "log" else {})}
        )
        with pytest.raises(ArchiveError, match="no server of this version wrote"):
            await restore(connection, Archive(tmp_path / name), force=True)
    rewrite(archive, tmp_path / "meta", lambda collection, document: None if collection == "meta" else document)
    with pytest.raises(ArchiveError, match="no description of its database"):
        await restore(connection, Archive(tmp_path / "meta"), force=True)
    rewrite(archive, tmp_path / "schema", lambda collection, document: document, schema=2)
    with pytest.raises(ArchiveError, match="another version of Anywire"):
        await restore(connection, Archive(tmp_path / "schema"), force=True)
    assert await dump(connection.database) == before


def rewrite(archive: Archive, path, change, **header) -> None:
    """A backup as *archive*, with each document as *change* makes it."""
    names = [collection.name for collection in archive.header.collections]
    with ArchiveWriter(path, archive.header._replace(**header)) as writer:
        for name, document in archive.documents():
            changed = change(name, bson.decode(document))
            if changed is not None:
                writer.add(names.index(name), bson.encode(changed))
        writer.finish()
