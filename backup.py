"""The commands behind `make backup` and `make restore`: which database, which file, and what is said about it.

The database is the server's, by the same settings: the one at ANYWIRE_MONGODB_URI, or that of the data folder. To the mongod of a
folder that a server has, a backup goes through its socket; where none has it, one is started for as long as this takes.
"""

import argparse
import asyncio
import datetime
import logging
import signal
import sys
import time
from pathlib import Path
from urllib.parse import quote

from pymongo.errors import PyMongoError

from settings import Settings, load
from store.archive import Archive, ArchiveError, check_new
from store.backup import backup
from store.connect import Connection, StartError, connect
from store.folder import DataFolder
from store.restore import restore


async def _connect(settings: Settings, *, beside: bool) -> Connection:
    """With *beside* also to the mongod of a server that runs. Raises StartError, ArchiveError."""
    options = {"data": settings.data, "driver": settings.mongo_driver}
    if settings.mongodb_uri:
        return await connect(uri=settings.mongodb_uri, **options)
    folder = DataFolder(settings.data)
    if beside and not folder.mongodb.exists():
        raise ArchiveError(f"The data folder {folder.path} holds no database: there is nothing to back up.")
    try:
        return await connect(uri=None, **options)
    except StartError as error:
        if error.code != "folder-in-use" or not beside:
            raise
    try:
        return await connect(uri=f"mongodb://{quote(folder.socket_path(), safe='')}/?directConnection=true", **options)
    except StartError as error:
        raise ArchiveError(
            f"A server has the data folder {folder.path}, and its database doesn't answer. Does it just start or stop? Then try again."
        ) from error


def place(to: str, now: datetime.datetime) -> Path:
    """The file to make: *to*, or in the folder *to* one that is named after the time."""
    path = Path(to or ".")
    return path / f"anywire-{now:%Y%m%d-%H%M%S}.backup" if path.is_dir() else path


async def _backup(settings: Settings, to: str) -> str:
    path = place(to, datetime.datetime.now())
    check_new(path)
    began_s = time.monotonic()
    connection = await _connect(settings, beside=True)
    try:
        header, counts, size = await backup(connection, path)
    finally:
        await connection.close()
    took_s = time.monotonic() - began_s
    moment = header.cluster_time.as_datetime()
    return f"{path}: {size / 1e6:.1f} MB in {took_s:.1f} s, as of {moment:%Y-%m-%d %H:%M:%S} UTC: {_listed(counts)}."


async def _restore(settings: Settings, path: str, force: bool) -> str:
    archive = Archive(Path(path))
    connection = await _connect(settings, beside=False)
    try:
        epoch, counts = await restore(connection, archive, force=force)
    finally:
        await connection.close()
    return f"{path} is restored: {_listed(counts)}. The log is a new one, {epoch}: clients that come back get what is kept."


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


async def _run(settings: Settings, arguments: argparse.Namespace) -> str:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # so that no half file is left
    if arguments.command == "backup":
        return await _backup(settings, arguments.to)
    return await _restore(settings, getattr(arguments, "from"), arguments.force)


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    parser = argparse.ArgumentParser(prog="backup.py", description="Settings are read from the environment, as the server's are.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("backup", help="make a backup").add_argument("to", nargs="?", default="", help="a file, or a folder; else here")
    back = commands.add_parser("restore", help="put a backup in the place of what the database holds")
    back.add_argument("from", help="the backup")
    back.add_argument("--force", action="store_true", help="even if it holds messages")
    arguments = parser.parse_args()
    try:
        print(asyncio.run(_run(load([]), arguments)))
    except (ArchiveError, StartError) as error:
        sys.exit(str(error))
    except PyMongoError as error:
        sys.exit(f"MongoDB failed: {type(error).__name__}: {error}\nNo file was made; a restore has to be run again.")
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("Interrupted. No file was made; a restore has to be run again.")


if __name__ == "__main__":
    main()
