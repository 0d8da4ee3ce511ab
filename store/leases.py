"""Which process works on which job: a lease in the job's document, by the clock of the database alone."""

from typing import Any

LEASE_S = 5.0
"""A process that has not renewed its lease for so long has lost it."""

_UNTIL = {"$add": ["$$NOW", int(LEASE_S * 1000)]}


class Leases:
    def __init__(self, database: Any, process: bytes):
        self._jobs = database.jobs
        self._process = process

    async def claim(self, job: str) -> bool:
        """Takes the job's lease, if it is free. Raises PyMongoError."""
        return await self._set({"_id": job, **_FREE})

    async def renew(self, job: str) -> bool:
        """False where it is another's by now. Raises PyMongoError."""
        return await self._set({"_id": job, "holder": self._process})

    async def release(self, job: str) -> None:
        """Raises PyMongoError."""
        await self._jobs.update_one({"_id": job, "holder": self._process}, {"$unset": {"until": "", "holder": ""}})

    async def free(self) -> list[str]:
        """Jobs of the server's own tasks that have not ended, and that nobody works on. Raises PyMongoError."""
        return [document["_id"] for document in await self._jobs.find(_FREE, {"_id": 1}).to_list(None)]

    async def _set(self, which: dict[str, Any]) -> bool:
        result = await self._jobs.update_one(which, [{"$set": {"holder": self._process, "until": _UNTIL}}])
        return bool(result.matched_count)


_FREE: dict[str, Any] = {
    "running": True,
    "task": {"$ne": None},
    "$expr": {"$or": [{"$eq": [{"$type": "$until"}, "missing"]}, {"$lt": ["$until", "$$NOW"]}]},
}
