"""Uploaded files, in GridFS while they are needed: what a task reads again after a restart."""

import contextlib
import datetime
import hashlib
from typing import Any, BinaryIO, NamedTuple

from bson import ObjectId
from gridfs.errors import NoFile

from store.drivers import bucket, settle

CHUNK_BYTES = 1024 * 1024
"""Each chunk is one durable write."""
KEEP_HOURS = 48
"""An upload that no task has ended with goes after so long."""


class Upload(NamedTuple):
    id: str
    size: int
    digest: str
    """SHA-256 of the content, hexadecimal."""


class Uploads:
    def __init__(self, database: Any):
        self._bucket = bucket(database, "uploads", CHUNK_BYTES)
        self._files = database["uploads.files"]

    def open(self) -> "Writing":
        return Writing(self._bucket)

    async def read(self, id: str, into: BinaryIO) -> None:
        """Raises PyMongoError, FileNotFoundError."""
        try:
            stream = await self._bucket.open_download_stream(ObjectId(id))
        except NoFile as error:
            raise FileNotFoundError(id) from error
        while chunk := await stream.readchunk():
            into.write(chunk)
        into.seek(0)

    async def delete(self, id: str) -> None:
        """Raises PyMongoError."""
        with contextlib.suppress(NoFile):
            await self._bucket.delete(ObjectId(id))

    async def sweep(self) -> None:
        """Deletes what was left behind. Raises PyMongoError."""
        old = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=KEEP_HOURS)
        for document in await self._files.find({"uploadDate": {"$lt": old}}, {"_id": 1}).to_list(None):
            await self.delete(str(document["_id"]))


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
        """Raises PyMongoError."""
        if self._stream is not None:
            await self._stream.abort()
