"""What was imported: one document a record, in the collection `records`.

_id  JOB-INDEX, so that an import that is run again writes each row once
j, u  the job, and the id of who made it
d    the record's own fields; their names are never taken for operators
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pymongo
from bson.int64 import Int64
from pymongo.errors import BulkWriteError, PyMongoError

from store.drivers import settle

MAX_GROUPS = 1000
REPORT_S = 60.0
"""In place of the few seconds that any other operation may take."""
_DUPLICATE_KEY = 11000


class Records:
    def __init__(self, database: Any):
        self._records = database.records

    async def start(self) -> None:
        """Raises PyMongoError."""
        await self._records.create_index("j", name="of a job")
        await self._records.create_index("u", name="of a user")

    async def insert(self, job: str, user: str, rows: list[tuple[int, dict[str, Any]]]) -> list[str]:
        """Stores *rows*, each with its index; returns their ids. What is there already stays. Raises PyMongoError."""
        documents = [{"_id": record_id(job, index), "j": job, "u": user, "d": fields} for index, fields in rows]
        if documents:
            try:
                await self._records.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                if error.details["writeConcernErrors"] or any(e["code"] != _DUPLICATE_KEY for e in error.details["writeErrors"]):
                    raise
        return [document["_id"] for document in documents]

    async def groups(self, which: dict[str, str], by: str | None, of: str | None, top: int) -> list[dict[str, Any]]:
        """The records of *which* (`j`, a job, or `u`, a user) counted by the field *by*, the largest groups first.

        With *of* also sum, mean, least and greatest of that field, as far as it holds numbers.
        Raises PyMongoError, TimeoutError after REPORT_S.
        """
        number = _number(of or "")
        numbers = {
            "sum": {"$sum": number},
            "mean": {"$avg": number},
            "least": {"$min": number},
            "greatest": {"$max": number},
        }
        pipeline = [
            {"$match": which},
            {"$group": {"_id": by and _field(by), "count": {"$sum": 1}, **(numbers if of else {})}},
            {"$sort": {"count": -1, "_id": 1}},
            {"$limit": top},
        ]
        with _at_length():
            cursor = await settle(self._records.aggregate(pipeline, allowDiskUse=True))
            return [{**document, "_id": _plain(document["_id"])} async for document in cursor]

    async def count(self, which: dict[str, str]) -> int:
        """Raises PyMongoError, TimeoutError after REPORT_S."""
        with _at_length():
            return int(await self._records.count_documents(which))


def record_id(job: str, index: int) -> str:
    return f"{job}-{index}"


@contextlib.contextmanager
def _at_length() -> Iterator[None]:
    began_s = time.monotonic()
    try:
        with pymongo.timeout(REPORT_S):
            yield
    except PyMongoError as error:
        if error.timeout and time.monotonic() - began_s >= REPORT_S:
            raise TimeoutError from error
        raise


def _plain(value: Any) -> Any:
    """The driver's own type for large integers is none that JSON encoders know."""
    return int(value) if isinstance(value, Int64) else value


def _field(name: str) -> dict[str, Any]:
    """A record's field, whatever it is called; missing ones are null."""
    return {"$ifNull": [{"$getField": {"field": {"$literal": name}, "input": "$d"}}, None]}


def _number(name: str) -> dict[str, Any]:
    """What a record's field holds as a number, null where it holds none: of a CSV file it is text, and "nan" would make every sum one."""
    number = {"$convert": {"input": _field(name), "to": "double", "onError": None, "onNull": None}}
    is_finite = {"$and": [{"$gt": ["$$number", float("-inf")]}, {"$lt": ["$$number", float("inf")]}]}
    return {"$let": {"vars": {"number": number}, "in": {"$cond": [is_finite, "$$number", None]}}}
