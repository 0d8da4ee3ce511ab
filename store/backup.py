"""A backup: all collections as they were at one moment, while servers go on writing.

All of it is read in one snapshot, at one cluster time: a session of MongoDB's that reads old versions of what has changed since.
MongoDB keeps these for minSnapshotHistoryWindowInSeconds, by default 300. That is raised to WINDOW_S for as long as the backup
takes, where we may. A backup that takes longer than there is history fails, and leaves no file.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure, PyMongoError

from store.archive import ArchiveError, ArchiveWriter, Collection, Header
from store.connect import Connection
from store.drivers import settle
from store.meta import SCHEMA, check_whole

LEFT_OUT = frozenset({"leases", "notices", "presence", "probe", "processes"})
"""What lives no longer than the processes that write it."""
WINDOW_S = 3600
"""Should the process be killed, MongoDB goes on with this window until it is started again: that costs an hour's old versions
on its disk, which are few, since a log is added to and hardly changed."""
BATCH = 100
"""Documents of at most 1 MB that are asked for at once; MongoDB answers with 16 MB at most."""
TRIES = 5
PAUSE_S = 0.5
_SNAPSHOT_TOO_OLD = 239
_SNAPSHOT_UNAVAILABLE = 246
_RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)
_WINDOW = "minSnapshotHistoryWindowInSeconds"

logger = logging.getLogger("anywire.backup")


class Snapshot:
    """A database at one moment, for as long as MongoDB keeps what has changed since."""

    def __init__(self, database: Any, session: Any, header: Header):
        self.header = header
        self._database = database
        self._session = session

    async def write(self, archive: ArchiveWriter) -> None:
        """Adds every document. Raises PyMongoError, ArchiveError."""
        for number, (name, _) in enumerate(self.header.collections):
            collection = self._database.get_collection(name, codec_options=_RAW)
            async for document in collection.find(_wanted(name, self.header.epoch), batch_size=BATCH, session=self._session):
                archive.add(number, document.raw)


async def backup(connection: Connection, path: Path, *, window_s: int = WINDOW_S) -> tuple[Header, dict[str, int], int]:
    """Makes the file *path* of the connection's database. Returns its header, the number of documents by collection, and its
    size in bytes.

    Raises ArchiveError, StartError half-restored, PyMongoError; then there is no file.
    """
    database = connection.watcher.get_database(connection.database.name)  # this client waits as long as a read takes
    async with history(connection.watcher, window_s):
        for left in reversed(range(TRIES)):
            try:
                return await _write(connection.watcher, database, path)
            except OperationFailure as error:
                if error.code == _SNAPSHOT_TOO_OLD:
                    raise ArchiveError(
                        "The backup took longer than MongoDB keeps what has changed since it began, and was given up.\n"
                        f"Raise that time, on each member: db.adminCommand({{setParameter: 1, {_WINDOW}: 7200}}); or try again when "
                        "less is going on."
                    ) from error
                if error.code != _SNAPSHOT_UNAVAILABLE or not left:
                    raise
                logger.info("a collection was just made: beginning anew")  # before it there is no snapshot of it
                await asyncio.sleep(PAUSE_S)
    raise AssertionError


async def _write(client: Any, database: Any, path: Path) -> tuple[Header, dict[str, int], int]:
    async with snapshot(client, database) as taken:
        with ArchiveWriter(path, taken.header) as archive:
            await taken.write(archive)
            # A collection that was dropped meanwhile reads as empty. Only a restore drops any, and it changes the epoch.
            await check_whole(database)
            meta = await database.meta.find_one({"_id": "anywire"}, {"epoch": 1})
            if meta is None or meta["epoch"] != taken.header.epoch:
                raise ArchiveError("A backup was restored into the database while this one was made. Try again.")
            size = archive.finish()
    names = [collection.name for collection in taken.header.collections]
    return taken.header, dict(zip(names, archive.counts, strict=True)), size


@contextlib.asynccontextmanager
async def snapshot(client: Any, database: Any) -> AsyncIterator[Snapshot]:
    """*database* as it is now: everything that was acknowledged before is in it. Raises ArchiveError, StartError, PyMongoError."""
    await check_whole(database)
    # Before the snapshot is taken, or it might not reach back to where the newest collection begins.
    collections = [Collection(name, await _indexes(database[name])) for name in await names_of(database)]
    session = await settle(client.start_session(snapshot=True))
    try:
        meta = await database.meta.find_one({"_id": "anywire"}, session=session)
        if meta is None:
            raise ArchiveError(f"The database {database.name} holds nothing of Anywire's: there is nothing to back up.")
        if meta["schema"] != SCHEMA:
            raise ArchiveError(f"The database {database.name} was written by another version of Anywire: use that one's backup.")
        header = Header(SCHEMA, meta["epoch"], session.cluster_time["clusterTime"], collections)
        yield Snapshot(database, session, header)
    finally:
        await session.end_session()


@contextlib.asynccontextmanager
async def history(client: Any, window_s: int) -> AsyncIterator[None]:
    """Has MongoDB keep old versions for at least *window_s* meanwhile. Where we may not say so, it is what it was."""
    was = None
    try:
        found = (await client.admin.command({"getParameter": 1, _WINDOW: 1}))[_WINDOW]
        if found < window_s:
            await client.admin.command({"setParameter": 1, _WINDOW: window_s})
            was = found
    except PyMongoError as error:
        logger.info("MongoDB's %s stays as it is: %s", _WINDOW, getattr(error, "details", None) or error)
    try:
        yield
    finally:
        if was is not None:
            with contextlib.suppress(PyMongoError):
                await client.admin.command({"setParameter": 1, _WINDOW: was})


async def names_of(database: Any) -> list[str]:
    """The collections that a backup holds and a restore replaces, in alphabetical order. Raises PyMongoError."""
    names = await database.list_collection_names(filter={"type": "collection"})
    return sorted(name for name in names if name not in LEFT_OUT and not name.startswith("system."))


async def _indexes(collection: Any) -> list[dict[str, Any]]:
    cursor = await settle(collection.list_indexes())
    return [dict(index) async for index in cursor if index["name"] != "_id_"]


def _wanted(collection: str, epoch: str) -> dict[str, Any]:
    """What earlier lives of the log left behind is read by nobody, and stays where it is."""
    return {"log": {"_id.e": epoch}, "channels": {"e": epoch}, "meta": {"_id": "anywire"}}.get(collection, {})
