"""Uploaded files, in GridFS while they are needed: what a task reads again after a restart."""

import asyncio
import contextlib
import datetime
import hashlib
from typing import Any, BinaryIO, NamedTuple

from bson import ObjectId
from gridfs.errors import NoFile

from store.drivers import bucket, settle

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
        self._jobs = database.jobs

    def open(self) -> "Writing":
        return Writing(self._bucket)

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
    """One file on its way in."""

    def __init__(self, bucket: Any):
        self._stream: Any = None
        self._bucket = bucket
        self._hash = hashlib.sha256()
        self.size = 0

    async def write(self, data: bytes) -> None:
        """Raises PyMongoError."""
        if self._stream is None:
            self._stream = await settle(self._bucket.open_upload_stream("upload"))
        self._hash.update(data)
        self.size += len(data)
        await self._stream.write(data)

    async def close(self) -> Upload:
        """Raises PyMongoError."""
        await self._stream.close()
        return Upload(str(self._stream._id), self.size, self._hash.hexdigest())

    async def abort(self) -> None:
        """Leaves nothing of it. Raises PyMongoError."""
        if self._stream is not None:
            await self._stream.abort()
