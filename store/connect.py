"""From settings to a database that is known to work, or to a StartError that says what to do."""

import dataclasses
import logging
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from pymongo.errors import InvalidURI, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from store import mongod
from store.drivers import client, settle
from store.embedded import Embedded
from store.folder import DataFolder
from store.outage import Primary
from store.start_error import StartError

__all__ = ["Connection", "StartError", "connect"]

log = logging.getLogger(__name__)

DURABLE = {"w": "majority", "journal": True, "readConcernLevel": "majority", "readPreference": "primary"}
"""With anything less a fail-over or a crash takes back messages that were acknowledged or delivered: measured, thousands of them."""

APP_NAME = "anywire"
"""What MongoDB's log and its list of operations call us."""

POOL = 20
"""Connections of each client."""

WATCHFUL = {
    **DURABLE,
    "appname": APP_NAME,
    # A member that has frozen keeps its connections open and says nothing. The driver's monitor of it is the one that notices, after
    # this and connectTimeoutMS; then whatever waits for it fails at once, and is tried again with the next primary. With the driver's
    # own 10 s a publish was refused before.
    "heartbeatFrequencyMS": 1000,
    "connectTimeoutMS": 2000,
    "maxPoolSize": POOL,
}

WRITER = {
    **WATCHFUL,
    # Short, so that a publish fails over or is answered 503 within seconds; the driver's own 30 s would outlast the client's patience.
    "serverSelectionTimeoutMS": 3000,
    "socketTimeoutMS": 5000,
    "waitQueueTimeoutMS": 2000,
}

WATCHER = {
    **WATCHFUL,
    # With the default of 30 s a graceful shutdown of the primary froze change streams for as long.
    "serverSelectionTimeoutMS": 2500,
}

MOTOR_THREADS = "MOTOR_MAX_WORKERS"
"""Motor reads it when it is imported. Its own five threads a core are all taken once so many reads wait for a member that has frozen,
and a commit then waits behind them though there is another primary already: each connection has to have its thread."""

AUTHENTICATION_FAILED = 18
UNAUTHORIZED = 13
ATLAS_ERROR = 8000
"""The server's error codes; Atlas answers a wrong password with one of its own."""


@dataclasses.dataclass
class Connection:
    """Two clients of one deployment, each with its own pool, so that change streams never wait behind writes or the other way round."""

    database: Any
    """The database through the writer: primary, read concern majority, write concern majority and journaled."""
    writer: Any
    watcher: Any
    """A client for change streams alone."""
    driver: str
    embedded: Embedded | None
    primary: Primary

    async def close(self) -> None:
        """Closes both clients, then stops the embedded mongod: 1.0 s, 3 s at most. Close change streams before."""
        self.primary.is_closing = True
        await settle(self.watcher.close())
        await settle(self.writer.close())
        if self.embedded:
            await self.embedded.stop()


async def connect(*, uri: str | None, data: Path, driver: str = "motor", database: str = "anywire") -> Connection:
    """A Connection to *uri*, or to a mongod of our own in folder *data* where *uri* is None or empty.

    The database is the one named in *uri*'s path, or else *database*. Durability and time limits
    are ours whatever the URI says.
    Raises StartError; then nothing is left open or running.
    """
    embedded = None
    if not uri:
        embedded = Embedded(DataFolder(data), await mongod.find(), driver)
        await embedded.start()
    clients: list[Any] = []
    try:
        address = embedded.uri if embedded else uri
        try:
            if not address.startswith(("mongodb://", "mongodb+srv://")):
                raise InvalidURI("it doesn't begin with mongodb:// or mongodb+srv://")
            os.environ.setdefault(MOTOR_THREADS, str(2 * POOL))
            primary = Primary(log)
            clients.extend(client(driver, address, **options) for options in ({**WRITER, "event_listeners": [primary]}, WATCHER))
            writer, watcher = clients
            name = writer.get_default_database(default=database).name
        except (PyMongoError, ValueError) as error:
            raise _invalid(uri, error) from error
        await _probe(writer, writer[name], address)
    except BaseException:
        for each in clients:
            await settle(each.close())
        if embedded:
            await embedded.stop()
        raise
    where = f"its own mongod {embedded.mongod.version}, process {embedded.pid}" if embedded else redact(uri, uri)
    log.info("connected to MongoDB: %s, database %s, driver %s", where, name, driver)
    return Connection(writer[name], writer, watcher, driver, embedded, primary)


async def _probe(writer: Any, database: Any, uri: str) -> None:
    """Raises StartError unless the deployment is a replica set (or a sharded cluster) with a primary where this user may write."""
    try:
        hello = await writer.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise _not_a_replica_set()
        # Writes nothing, and asks for everything that a write asks for: a primary, a majority, the right.
        await database["probe"].delete_one({"_id": "probe"})
    except ServerSelectionTimeoutError as error:
        raise _unreachable(writer, uri, error) from error
    except OperationFailure as error:
        raise _refused(database.name, uri, error) from error
    except PyMongoError as error:
        raise _unusable(uri, _short(error)) from error


def redact(text: str, uri: str) -> str:
    """*text* without *uri*'s user and password, wherever and however encoded they stand in it."""
    text = re.sub(r"(mongodb(?:\+srv)?://)[^/]*@", r"\1…@", text)
    credentials = re.match(r"mongodb(?:\+srv)?://([^/]*)@", uri)
    if credentials:
        _, _, password = credentials[1].partition(":")
        for secret in {password, unquote_plus(password)} - {""}:
            text = text.replace(secret, "…")
    return text


def _invalid(uri: str | None, error: Exception) -> StartError:
    # A password with a slash or an at sign that isn't escaped ends up in the driver's message as a database or a host.
    detail = "" if "@" in (uri or "") else f": {error}"
    return StartError(
        "uri-invalid",
        f"ANYWIRE_MONGODB_URI is not a URI that MongoDB's driver understands ({type(error).__name__}{detail}).\n"
        "It looks like mongodb://user:password@host:27017/anywire?replicaSet=rs0; in user and password the characters "
        "$ : / ? # [ ] @ % have to be percent-encoded.",
    )


def _not_a_replica_set() -> StartError:
    return StartError(
        "not-a-replica-set",
        "The MongoDB at ANYWIRE_MONGODB_URI is a standalone server, and Anywire needs a replica set: only that has majority writes "
        "and change streams. One node is enough.\n"
        "Start it with --replSet rs0 (or replication.replSetName in mongod.conf), and run once: mongosh --eval 'rs.initiate()'",
    )


def _unreachable(writer: Any, uri: str, error: PyMongoError) -> StartError:
    seen = writer.topology_description.server_descriptions().values()
    if any(server.server_type_name == "RSGhost" for server in seen):
        return StartError(
            "not-a-replica-set",
            "The MongoDB at ANYWIRE_MONGODB_URI was started as part of a replica set that was never initiated.\n"
            "Run once on it: mongosh --eval 'rs.initiate()'",
        )
    reasons = {f"{_address(server.address)}: {_short(server.error)}" for server in seen if server.error}
    alive = [_address(server.address) for server in seen if not server.error]
    if alive:
        reasons.add(f"no primary among the members that answer ({', '.join(alive)})")
    return _unusable(uri, "; ".join(sorted(reasons)) or _short(error))


def _unusable(uri: str, detail: str) -> StartError:
    return StartError(
        "mongodb-unreachable",
        redact(f"The MongoDB at ANYWIRE_MONGODB_URI ({uri}) can't be used: {detail}\n", uri)
        + "Check that it runs, that this machine can reach every member by the name that the replica set has for it, "
        "and that a majority of the members is up. Without ANYWIRE_MONGODB_URI Anywire starts a database of its own.",
    )


def _refused(name: str, uri: str, error: OperationFailure) -> StartError:
    reason = redact(str((error.details or {}).get("errmsg") or error), uri)
    if error.code in (AUTHENTICATION_FAILED, ATLAS_ERROR):
        return StartError(
            "authentication-failed",
            f"The MongoDB at ANYWIRE_MONGODB_URI refuses the user or the password: {reason}\n"
            "Check both, percent-encode the characters $ : / ? # [ ] @ % in them, and add authSource=admin to the URI if the user "
            "was created in the database admin.",
        )
    if error.code == UNAUTHORIZED:
        return StartError(
            "not-authorised",
            f"The user in ANYWIRE_MONGODB_URI may not write to the database {name}: {reason}\n"
            f"Grant it the role readWrite on {name}, or add a user and a password to the URI if it has none.",
        )
    return StartError("mongodb-unreachable", f"The MongoDB at ANYWIRE_MONGODB_URI can't be used: {reason}")


def _address(address: tuple[str, int | None]) -> str:
    host, port = address
    return host if port is None else f"{host}:{port}"


def _short(error: object) -> str:
    """The driver's message without its repetition of the options and the topology."""
    text = re.split(r" \(configured timeouts|, Timeout:", str(error))[0]
    # Every message of the driver begins with the address, which we say ourselves.
    return re.sub(r"^\S+:\d+: ", "", text)
