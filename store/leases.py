"""Which process works on which job: a lease in the job's document, by the clock of the database alone."""

from typing import Any

LEASE_S = 5.0
"""A process that has not renewed its lease for so long has lost it."""

_UNTIL = {"$add": ["$$NOW", int(LEASE_S * 1000)]}
_ONE_MORE = {"$add": [{"$ifNull": ["$claims", 0]}, 1]}


class Leases:
    def __init__(self, database: Any, process: bytes):
        self._jobs = database.jobs
        self._process = process

    async def claim(self, job: str) -> int:
        """Takes the job's lease if it is free; returns how often it was taken by now, 0 where it isn't free. Raises PyMongoError."""
        taken = [{"$set": {"holder": self._process, "until": _UNTIL, "claims": _ONE_MORE}}]
        before = await self._jobs.find_one_and_update({"_id": job, **_FREE}, taken, {"claims": 1})
        return before.get("claims", 0) + 1 if before is not None else 0

    async def renew(self, job: str) -> bool:
        """False where it is another's by now. Raises PyMongoError."""
        result = await self._jobs.update_one({"_id": job, "holder": self._process}, [{"$set": {"until": _UNTIL}}])
        return bool(result.matched_count)

    async def release(self, job: str) -> None:
        """Raises PyMongoError."""
        await self._jobs.update_one({"_id": job, "holder": self._process}, {"$unset": {"until": "", "holder": ""}})

    async def is_held(self, job: str) -> bool:
        """Raises PyMongoError."""
        return await self._jobs.find_one({"_id": job, "$expr": {"$gte": ["$until", "$$NOW"]}}, {"_id": 1}) is not None

    async def free(self) -> list[str]:
        """Jobs of the server's own tasks that have not ended, and that nobody works on. Raises PyMongoError."""
        return [document["_id"] for document in await self._jobs.find(_FREE, {"_id": 1}).to_list(None)]


_FREE: dict[str, Any] = {
    "running": True,
    "task": {"$ne": None},
    "$expr": {"$or": [{"$eq": [{"$type": "$until"}, "missing"]}, {"$lt": ["$until", "$$NOW"]}]},
}
