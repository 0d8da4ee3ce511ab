"""The two MongoDB drivers behind one door: no other file imports Motor or constructs a client.

Motor's last support ends on 2027-05-14. PyMongo's own async client is its successor, and offers the same methods but for a few
that one awaits and the other doesn't: `settle` covers those.
"""

import asyncio
import inspect
from typing import Any

DRIVERS = ("motor", "pymongo")


def client(driver: str, uri: str, **options: Any) -> Any:
    """A client of *driver* for *uri*, bound to the running loop; it connects with its first operation.

    *options* are PyMongo's client options, in the driver's own spelling, and go before those in *uri*.
    Raises PyMongoError or ValueError for a URI that can't be parsed, RuntimeError where no loop runs.
    Create it after the last fork: neither driver's client survives one.
    """
    loop = asyncio.get_running_loop()
    # Imported where it is needed, so that either driver can be missing while the other is in use.
    if driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient

        return AsyncIOMotorClient(uri, io_loop=loop, **options)
    if driver == "pymongo":
        from pymongo import AsyncMongoClient

        return AsyncMongoClient(uri, **options)
    raise ValueError(f"unknown MongoDB driver {driver!r}: one of {', '.join(DRIVERS)}")


def bucket(database: Any, name: str, chunk_bytes: int) -> Any:
    """A GridFS bucket of *database*, by the driver that this is of."""
    if type(database).__module__.startswith("motor"):
        from motor.motor_asyncio import AsyncIOMotorGridFSBucket

        return AsyncIOMotorGridFSBucket(database, name, chunk_size_bytes=chunk_bytes)
    from gridfs import AsyncGridFSBucket

    return AsyncGridFSBucket(database, name, chunk_size_bytes=chunk_bytes)


async def settle(value: Any) -> Any:
    """What *value* stands for: awaited where this driver handed back an awaitable, as it is where not.

    Needed around `aggregate`, `watch`, `list_indexes`, `close` and a session's `start_transaction` (awaitable in PyMongo alone)
    and around `start_session` (in Motor alone).
    """
    return await value if inspect.isawaitable(value) else value
