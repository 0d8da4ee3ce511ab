"""A replica set of one node: change streams and majority writes need a set, not several machines."""

import asyncio
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError

from store.drivers import client, settle
from store.folder import SOCKET

NAME = "rs0"

HOST = f"./{SOCKET}"
"""The node's address in its own set: relative to its working directory, so that the folder can be moved or renamed."""

POLL_S = 0.005

ALREADY_INITIATED = 23
"""The server's error code AlreadyInitialized."""


async def become_primary(driver: str, uri: str, socket_path: str) -> None:
    """Returns when the mongod behind *socket_path* accepts writes; the first time, makes it a replica set.

    Waits for ever: the caller watches the process and the clock.
    """
    await _listening(socket_path)
    # Only now, since a driver that was refused once waits half a second before it tries again.
    node = client(driver, uri, serverSelectionTimeoutMS=500, connectTimeoutMS=2000, socketTimeoutMS=5000, maxPoolSize=2)
    try:
        initiated = False
        while True:
            try:
                hello = await node.admin.command("hello")
                if hello.get("isWritablePrimary"):
                    return
                # It knows of no set that it is in: it is new, or its set knows it by another address.
                if hello.get("isreplicaset") and not initiated:
                    await _initiate(node)
                    initiated = True
            except PyMongoError:
                pass  # It still starts or has just ended; the caller sees which.
            await asyncio.sleep(POLL_S)
    finally:
        await settle(node.close())


async def _listening(socket_path: str) -> None:
    while True:
        try:
            _, writer = await asyncio.open_unix_connection(socket_path)
        except OSError:
            await asyncio.sleep(POLL_S)
            continue
        writer.close()
        return


async def _initiate(node: Any) -> None:
    try:
        await node.admin.command("replSetInitiate", {"_id": NAME, "members": [{"_id": 0, "host": HOST}]})
    except OperationFailure as error:
        if error.code != ALREADY_INITIATED:
            raise
        config = (await node.admin.command("replSetGetConfig"))["config"]
        config["members"] = [{**config["members"][0], "host": HOST}]
        config["version"] += 1
        await node.admin.command("replSetReconfig", config, force=True)
