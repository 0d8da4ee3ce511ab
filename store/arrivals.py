"""What any kind of bus does with what it hears of the log: to the hub with it; and what it does when it may have missed something."""

from collections.abc import Callable
from typing import Any

from protocol.hub import Hub
from store.chunks import decode_chunk
from store.feed import Feed
from store.meta import load_meta


class Arrivals:
    def __init__(self, database: Any, hub: Hub, feed: Feed, renewed: Callable[[str], None]):
        """*renewed* is called with the new epoch when the log was restored."""
        self._database = database
        self._hub = hub
        self._feed = feed
        self._renewed = renewed

    def take(self, document: dict[str, Any]) -> None:
        """Delivers a chunk (store/chunks.py) that another process has stored; a repeat does no harm."""
        if document["_id"]["e"] != self._hub.epoch:
            return
        channel, last = document["_id"]["c"], document["_id"]["o"] + document["n"] - 1
        newest = self._hub.newest(channel)
        if newest is None or newest.offset < last:
            self._hub.deliver(channel, decode_chunk(document).messages)

    def take_epoch(self, epoch: str) -> None:
        """The database says that its epoch is *epoch*."""
        if epoch != self._hub.epoch:
            self._renewed(epoch)

    async def check_epoch(self) -> None:
        """Asks the database for its epoch, which is made anew where the database was dropped. Raises PyMongoError."""
        document = await self._database.meta.find_one({"_id": "anywire"}, {"epoch": 1})
        self.take_epoch(document["epoch"] if document is not None else (await load_meta(self._database)).epoch)

    async def refresh(self) -> None:
        """Compares all that is held here with the log, since the bus may have missed something.

        Raises PyMongoError; then some of it may still be missing.
        """
        await self.check_epoch()
        await self._feed.refresh_all()
