"""Uploaded files, in GridFS while they are needed: what a task reads again after a restart."""

import asyncio
import contextlib
import datetime
import hashlib
from typing import Any, BinaryIO, NamedTuple

from bson import Int64, ObjectId
from gridfs.errors import NoFile

from store.drivers import bucket

CHUNK_BYTES = 1024 * 1024
"""Each chunk is one durable write."""
KEEP_S = 3600
"""From its first byte on an upload is left alone for so long: far longer than it may take until a job needs it."""


class Upload(NamedTuple):
    id: str
    size: int
    digest: str
    """SHA-256 of the content, hexadecimal."""


class Uploads:
    def __init__(self, database: Any):
        self._bucket = bucket(database, "uploads", CHUNK_BYTES)
        self._chunks = database["uploads.chunks"]
        self._files = database["uploads.files"]
        self._jobs = database.jobs

    async def start(self) -> None:
        """Raises PyMongoError."""
        await self._chunks.create_index([("files_id", 1), ("n", 1)], unique=True)
        await self._files.create_index([("filename", 1), ("uploadDate", 1)])

    def open(self) -> "Writing":
        return Writing(self._chunks, self._files)

    async def read(self, id: str, into: BinaryIO) -> None:
        """Raises PyMongoError, FileNotFoundError."""
        try:
            stream = await self._bucket.open_download_stream(ObjectId(id))
        except NoFile as error:
            raise FileNotFoundError(id) from error
        while chunk := await stream.readchunk():
            await asyncio.to_thread(into.write, chunk)
        into.flush()
        into.seek(0)

    async def delete(self, id: str) -> None:
        """Raises PyMongoError."""
        with contextlib.suppress(NoFile):
            await self._bucket.delete(ObjectId(id))

    async def sweep(self) -> None:
        """Deletes what no job needs, such as what had come half when its process was killed. Raises PyMongoError."""
        old = ObjectId.from_datetime(datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=KEEP_S))
        found = await self._chunks.distinct("files_id", {"files_id": {"$lt": old}})
        needed = set(await self._jobs.distinct("task.upload.id", {"running": True}))
        for id in {str(id) for id in found} - needed:
            await self.delete(id)


class Writing:
    """One file on its way in. The drivers' own writers keep up to 48 MB in memory and then send it all in one command; this one
    stores each chunk as soon as it is full, in the form of the GridFS specification."""

    def __init__(self, chunks: Any, files: Any):
        self._chunks = chunks
        self._files = files
        self._id = ObjectId()
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._stored = 0
        self.size = 0

    async def write(self, data: bytes) -> None:
        """Raises PyMongoError."""
        self._hash.update(data)
        self.size += len(data)
        self._buffer += data
        while len(self._buffer) >= CHUNK_BYTES:
            await self._store()

    async def close(self) -> Upload:
        """Raises PyMongoError."""
        while self._buffer:
            await self._store()
        now = datetime.datetime.now(datetime.UTC)
        file = {"_id": self._id, "length": Int64(self.size), "chunkSize": CHUNK_BYTES, "uploadDate": now, "filename": "upload"}
        await self._files.insert_one(file)
        return Upload(str(self._id), self.size, self._hash.hexdigest())

    async def abort(self) -> None:
        """Leaves nothing of it. Raises PyMongoError."""
        self._buffer.clear()
        if self._stored:
            await self._files.delete_one({"_id": self._id})
            await self._chunks.delete_many({"files_id": self._id})

    async def _store(self) -> None:
        data = bytes(self._buffer[:CHUNK_BYTES])
        del self._buffer[:CHUNK_BYTES]
        self._stored += 1
        await self._chunks.insert_one({"files_id": self._id, "n": self._stored - 1, "data": data})
