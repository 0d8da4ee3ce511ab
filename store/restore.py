"""Putting a backup back: all of it, as another life of the log.

Invariant: from the first change to the last the database is marked, and no server starts on it (`store.meta.check_whole`). The
last change takes the mark away and sets the new epoch, both in one. Until then the epoch is one that nothing belongs to: a
process that slept through it all, and still writes, writes beside what is restored.
"""

import datetime
from pathlib import Path
from typing import Any

import bson

from store.archive import Archive, ArchiveError
from store.backup import LEFT_OUT, names_of
from store.connect import Connection
from store.meta import SCHEMA, fresh_epoch, load_meta
from store.renewal import renewed

BATCH_BYTES = 8_000_000
BATCH_DOCUMENTS = 1000
HOLDS = ("log", "jobs", "votes", "records")
"""Where one of these has a document, somebody may miss it."""


async def restore(connection: Connection, archive: Archive, *, force: bool = False) -> tuple[str, dict[str, int]]:
    """Puts *archive* in the place of all that the connection's database holds. Returns the new epoch, and the number of
    documents by collection.

    With *force* also where there is something. Raises ArchiveError, and then nothing has changed; PyMongoError, and then it
    has to be run again.
    """
    epoch = fresh_epoch()
    counts, meta = _verify(archive, epoch)
    database = connection.watcher.get_database(connection.database.name)  # this client waits as long as a write takes
    if connection.embedded is not None:  # nobody else has the folder: whoever had it last was killed
        await database.processes.delete_many({})
    await _check_free(database)
    if not force and not await _is_marked(database):
        for name in HOLDS:
            if await database[name].find_one({}, {"_id": 1}) is not None:
                raise ArchiveError(
                    f"The database {database.name} holds messages, jobs or votes, and all of that would be lost.\n"
                    "Back it up first, or say that it may go: FORCE=1"
                )
    await _mark(database, archive.path)
    await database.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": fresh_epoch()}})
    for name in await names_of(database):
        if name != "meta":
            await database.drop_collection(name)
    await _fill(database, archive, epoch)
    await database.meta.replace_one({"_id": "anywire"}, {**meta, "epoch": epoch})
    return epoch, counts


def _verify(archive: Archive, epoch: str) -> tuple[dict[str, int], dict[str, Any]]:
    """Goes through all of it once, as far as nothing is written. Returns the counts, and the document of `meta`.

    Raises ArchiveError.
    """
    header = archive.header
    if header.schema != SCHEMA:
        raise ArchiveError(f"{archive.path} was made by another version of Anywire: restore it with that one.")
    counts = {collection.name: 0 for collection in header.collections}
    meta: dict[str, Any] = {}
    for name, document in archive.documents():
        counts[name] += 1
        if name == "meta":
            meta = bson.decode(document)
        else:
            renewed(name, document, header.epoch, epoch)
    if meta.get("epoch") != header.epoch or meta.keys() < {"_id", "secret", "schema"}:
        raise ArchiveError(f"{archive.path} holds no description of its database: it wasn't made by this version of Anywire.")
    return counts, meta


async def _check_free(database: Any) -> None:
    """Raises ArchiveError while a server lives on the database, by the database's clock."""
    alive = await database.processes.find_one({"$expr": {"$gt": ["$until", "$$NOW"]}})
    if alive is not None:
        raise ArchiveError(
            f"A server runs on the database {database.name}, on host {alive.get('h', '')}: stop it first.\n"
            f"If it was killed, wait until {alive['until']:%H:%M:%S} UTC, when that will be noticed."
        )


async def _is_marked(database: Any) -> bool:
    return await database.meta.find_one({"_id": "anywire", "restoring": {"$exists": True}}) is not None


async def _mark(database: Any, path: Path) -> None:
    """Keeps servers from starting. Raises ArchiveError where one started in the last moment, PyMongoError."""
    was_marked = await _is_marked(database)
    await load_meta(database)
    restoring = {"from": path.name, "since": datetime.datetime.now(datetime.UTC)}
    await database.meta.update_one({"_id": "anywire"}, {"$set": {"restoring": restoring}})
    try:
        await _check_free(database)
    except ArchiveError:
        if not was_marked:
            await database.meta.update_one({"_id": "anywire"}, {"$unset": {"restoring": ""}})
        raise


async def _fill(database: Any, archive: Archive, epoch: str) -> None:
    """Inserts everything but `meta`, then makes the indexes: all at once they are made several times as fast."""
    of, batch, size = "", [], 0
    for name, document in archive.documents():
        if name == "meta" or name in LEFT_OUT:
            continue
        if batch and (name != of or len(batch) == BATCH_DOCUMENTS or size + len(document) > BATCH_BYTES):
            await database[of].insert_many(batch, ordered=False)
            batch, size = [], 0
        of = name
        batch.append(renewed(name, document, archive.header.epoch, epoch))
        size += len(document)
    if batch:
        await database[of].insert_many(batch, ordered=False)
    for name, indexes in archive.header.collections:
        if indexes and name not in LEFT_OUT:
            await database.command({"createIndexes": name, "indexes": indexes, "writeConcern": {"w": "majority"}})
