"""What tasks have brought, item by item, kept as they are shown: JSON objects, some hundred to a document.

_id  {j: job, i: index of the first}
n    how many
f    how many of them failed
m    their JSON, joined by newlines
expires  when MongoDB may drop them
"""

import datetime
from typing import Any, NamedTuple

import msgspec
from pymongo.errors import DuplicateKeyError, PyMongoError

from protocol.codes import Unavailable

BATCH_ITEMS = 500
"""Most in a document."""


class ItemPage(NamedTuple):
    items: list[bytes]
    more: bool


class _Item(msgspec.Struct):
    index: int
    ok: bool = True


class Items:
    def __init__(self, database: Any, *, keep_days: float):
        self._items = database.items
        self._keep_days = keep_days

    async def start(self) -> None:
        """Raises PyMongoError."""
        await self._items.create_index("expires", expireAfterSeconds=0, name="expired")
        await self._items.create_index([("_id.j", 1), ("_id.i", 1)], name="failed", partialFilterExpression={"f": {"$gt": 0}})

    async def append(self, job: str, first: int, items: list[bytes], failed: int) -> None:
        """Stores *items*, which follow index *first* - 1; what is stored already stays as it is. Raises PyMongoError.

        Two processes may do the same work for a while, and cut it into different portions.
        """
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=self._keep_days)
        rest = {"n": len(items), "f": failed, "m": b"\n".join(items), "expires": expires}
        id = {"j": job, "i": first}
        try:
            await self._items.insert_one({"_id": id, **rest})
        except DuplicateKeyError:
            await self._items.update_one({"_id": id, "n": {"$lt": len(items)}}, {"$set": rest})

    async def count(self, job: str) -> int:
        """How many are stored. Raises PyMongoError."""
        last = await self._items.find_one(_range(job, -1), {"n": 1}, sort=[("_id", -1)])
        return int(last["_id"]["i"] + last["n"]) if last is not None else 0

    async def failed(self, job: str) -> int:
        """How many of them failed. Raises PyMongoError."""
        return sum([document["f"] async for document in self._items.find(**failures(job, -1), projection={"f": 1})])

    async def page(self, job: str, after: int, limit: int, max_bytes: int, ok: bool | None = None) -> ItemPage:
        """Up to *limit* items with an index above *after*, in order: all, or those that are *ok*, or not. Raises Unavailable."""
        found: list[bytes] = []
        size = 0
        above = after - BATCH_ITEMS
        wanted = failures(job, above) if ok is False else {"filter": _range(job, above), "sort": [("_id", 1)]}
        try:
            cursor = self._items.find(**wanted, batch_size=10)
            try:
                async for document in cursor:
                    first = document["_id"]["i"]
                    for index, item in enumerate(document["m"].split(b"\n"), first):
                        if index <= after:
                            continue
                        after = index
                        if ok is not None and msgspec.json.decode(item, type=_Item).ok != ok:
                            continue
                        size += len(item)
                        if len(found) == limit or found and size > max_bytes:
                            return ItemPage(found, more=True)
                        found.append(item)
            finally:
                await cursor.close()
        except PyMongoError as error:
            raise Unavailable() from error
        return ItemPage(found, more=False)


def failures(job: str, above: int) -> dict[str, Any]:
    """What finds the documents that hold failed items, by the index that has no others."""
    return {"filter": {"_id.j": job, "_id.i": {"$gt": above}, "f": {"$gt": 0}}, "sort": [("_id.j", 1), ("_id.i", 1)]}


def _range(job: str, above: int) -> dict[str, Any]:
    return {"_id": {"$gt": {"j": job, "i": above}, "$lt": {"j": job, "i": 2**62}}}
