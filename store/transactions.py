"""One transaction: all of it or nothing, tried again where another one was in the way or its outcome is unknown.

The work may be run more than once, and its caller may learn of no outcome and begin again, though it was committed: it has
to be such that the second time changes nothing.

MongoDB keeps the transaction of a process that was killed, and what it has locked, for a minute. Whoever runs into one ends
it: a transaction of ours that has done nothing for a second has lost its process.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pymongo import WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from store.connect import APP_NAME
from store.drivers import settle

T = TypeVar("T")

WITHIN_S = 5.0
"""After this nothing is tried again. An election takes 3 s."""
PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.1
STUCK_S = 1.0
"""Who is refused for so long looks for the transaction of a dead process; none of ours is idle for as long while it lives."""
_WRITE_CONFLICT = 112
_AGAIN = "TransientTransactionError"
_UNKNOWN = "UnknownTransactionCommitResult"

logger = logging.getLogger("anywire.transactions")


async def transact(client: Any, work: Callable[[Any], Awaitable[T]], *, within_s: float = WITHIN_S) -> T:
    """What *work* returns, once a majority has what it wrote. It is given the session, for each of its operations.

    Raises PyMongoError where it can't be done in time, and then it may still have been; and whatever *work* raises.
    """
    until_s = time.monotonic() + within_s
    stuck_s: float | None = None
    pause_s = PAUSE_S
    while True:
        session = await settle(client.start_session())
        try:
            await settle(session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority", j=True)))
            result = await work(session)
            await _commit(session, until_s)
            return result
        except PyMongoError as error:
            if not (error.has_error_label(_AGAIN) or error.has_error_label(_UNKNOWN)) or time.monotonic() > until_s:
                raise
            logger.debug("a transaction is tried again: %s", error)
            is_conflict = getattr(error, "code", None) == _WRITE_CONFLICT
        finally:
            await session.end_session()  # takes back what wasn't committed
        if not is_conflict:
            stuck_s = None
        elif stuck_s is None:
            stuck_s = time.monotonic()
        elif time.monotonic() - stuck_s > STUCK_S:
            stuck_s = time.monotonic()
            await end_abandoned(client)
        await asyncio.sleep(random.uniform(0, pause_s))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _commit(session: Any, until_s: float) -> None:
    """Asked again, MongoDB knows whether it was committed; left alone, the transaction would stay, and be in the way of its successor."""
    while True:
        try:
            await session.commit_transaction()
            return
        except PyMongoError as error:
            if not error.has_error_label(_UNKNOWN) or time.monotonic() > until_s:
                raise
            await asyncio.sleep(PAUSE_S)


async def end_abandoned(client: Any, idle_s: float = STUCK_S) -> None:
    """Ends transactions of processes of ours that have been silent for so long. One that only slept has to begin its own anew.

    Best effort: where this may not be asked, MongoDB itself ends them after transactionLifetimeLimitSeconds, by default 60.
    """
    admin = client.get_database("admin", read_concern=ReadConcern("local"))
    idle = {"appName": APP_NAME, "type": "idleSession", "transaction.timeInactiveMicros": {"$gt": int(idle_s * 1e6)}}
    try:
        cursor = await settle(admin.aggregate([{"$currentOp": {"idleSessions": True}}, {"$match": idle}]))
        abandoned = [{"id": operation["lsid"]["id"]} async for operation in cursor]
        if abandoned:
            logger.warning("ending %d transactions whose process says nothing any more", len(abandoned))
            await admin.command("killSessions", abandoned)
    except PyMongoError as error:
        logger.warning("can't look for transactions of dead processes: %s", error)
