"""A backup's form: one file, written as a stream, and refused as a whole where a byte of it is wrong.

    ANYWIRE-BACKUP-1 and a newline                                 the version of this form
    compressed (RFC 1950):
        the header, a BSON document                                what the file holds, see `Header`
        for each document, of one collection after the other:
            one byte, the collection's place in the header
            the document, BSON
        the byte 255, and a BSON document                          the end: how many documents each collection has
    SHA-256 of everything before, 32 bytes

Written beside its place and renamed when all of it is on the disk, so that a file of the right name is a whole one.
"""

import contextlib
import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bson
from bson.errors import BSONError
from bson.timestamp import Timestamp

MAGIC = b"ANYWIRE-BACKUP-1\n"
DIGEST_BYTES = 32
END = 255
LEVEL = 1
"""Of zlib: the best one is a few per cent smaller, and takes several times as long, in which the snapshot may grow too old."""
PIECE_BYTES = 256 * 1024
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024 + 16 * 1024
"""MongoDB's limit, with what it allows itself beside."""
SPARE_BYTES = 256 * 1024 * 1024
"""Left free on the disk, which may be that of the database: mongod aborts when it is full."""


class ArchiveError(Exception):
    """A backup can't be made, read or restored: `str()` says why, and what to do about it."""


class Collection(NamedTuple):
    name: str
    indexes: list[dict[str, Any]]
    """As MongoDB lists them, but for that of `_id`."""


class Header(NamedTuple):
    schema: int
    """Of the stored documents: store.meta.SCHEMA."""
    epoch: str
    """Of the log that was copied."""
    cluster_time: Timestamp
    """MongoDB's, when the snapshot was taken."""
    collections: list[Collection]


def check_new(path: Path) -> None:
    """Raises ArchiveError where there is something."""
    if path.exists():
        raise ArchiveError(f"{path} is there already, and is left as it is.")


class ArchiveWriter:
    """A context manager. Where it is left before `finish`, nothing stays on the disk."""

    def __init__(self, path: Path, header: Header):
        """Raises ArchiveError where *path* exists or can't be written."""
        self.counts = [0] * len(header.collections)
        self._path = path
        self._draft = path.with_name(path.name + ".part")
        self._hash = hashlib.sha256()
        self._zlib = zlib.compressobj(LEVEL)
        self._buffer = bytearray()
        self._is_whole = False
        if len(header.collections) >= END:
            raise ArchiveError(f"The database has {len(header.collections)} collections, and a backup can hold {END - 1}.")
        check_new(path)
        with self._on_disk():
            # Only its owner may read it: it holds the key that signs the cookies.
            self._file = os.fdopen(os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        try:
            self._write(MAGIC)
        except ArchiveError:
            self.__exit__()
            raise
        collections = [collection._asdict() for collection in header.collections]
        self._buffer += bson.encode({**header._asdict(), "collections": collections})

    def __enter__(self) -> "ArchiveWriter":
        return self

    def __exit__(self, *failure: object) -> None:
        if not self._is_whole:
            with contextlib.suppress(OSError):  # what is in its buffer may not fit on the disk, either
                self._file.close()
            self._draft.unlink(missing_ok=True)

    def add(self, collection: int, document: bytes) -> None:
        """*document* is BSON, of the collection at that place in the header, and no earlier one. Raises ArchiveError."""
        self.counts[collection] += 1
        self._buffer.append(collection)
        self._buffer += document
        if len(self._buffer) >= PIECE_BYTES:
            self._flush()

    def finish(self) -> int:
        """The file is whole, on the disk, and has its name. Returns its size in bytes. Raises ArchiveError."""
        self._buffer.append(END)
        self._buffer += bson.encode({"counts": self.counts})
        self._flush()
        self._write(self._zlib.flush())
        with self._on_disk():
            self._file.write(self._hash.digest())
            self._file.flush()
            os.fsync(self._file.fileno())
            size = self._file.tell()
            self._file.close()
            self._draft.rename(self._path)
            self._is_whole = True
            folder = os.open(self._path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return size

    def _flush(self) -> None:
        self._write(self._zlib.compress(self._buffer))
        self._buffer.clear()

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        with self._on_disk():
            self._file.write(data)
            stat = os.statvfs(self._draft)
            if stat.f_bavail * stat.f_frsize < SPARE_BYTES:
                raise ArchiveError(
                    f"Less than {SPARE_BYTES // 1024**2} MB are free where {self._path} is to be. "
                    "Free some space, or give another place: TO=…"
                )

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveError(f"{self._path} can't be written: {error.strerror}.") from error


class Archive:
    """A backup to be read, any number of times."""

    def __init__(self, path: Path):
        """Looks at the checksum, then reads the header. Raises ArchiveError."""
        self.path = path
        self._check_sum()
        _, first = next(self._records(), (0, b""))
        try:
            fields = bson.decode(first)
            collections = [Collection(**collection) for collection in fields.pop("collections")]
            self.header = Header(**fields, collections=collections)
        except (BSONError, KeyError, TypeError) as error:
            raise self._damaged() from error

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Each document as BSON, with its collection's name. Raises ArchiveError."""
        names = [collection.name for collection in self.header.collections]
        counts = [0] * len(names)
        records = self._records()
        next(records)
        for number, document in records:
            if number == END:
                if bson.decode(document) != {"counts": counts} or next(records, None) is not None:
                    raise self._damaged()
                return
            if number >= len(names):
                raise self._damaged()
            counts[number] += 1
            yield names[number], document
        raise self._damaged()

    def _records(self) -> Iterator[tuple[int, bytes]]:
        """The header with number 0, then all records as they were written."""
        buffer = bytearray(b"\0")
        for piece in self._pieces():
            buffer += piece
            start = 0
            while len(buffer) >= start + 5:
                size = int.from_bytes(buffer[start + 1 : start + 5], "little")
                if not 5 <= size <= MAX_DOCUMENT_BYTES:
                    raise self._damaged()
                end = start + 1 + size
                if len(buffer) < end:
                    break
                yield buffer[start], bytes(buffer[start + 1 : end])
                start = end
            del buffer[:start]
        if buffer:
            raise self._damaged()

    def _pieces(self) -> Iterator[bytes]:
        """What was compressed, in pieces of at most 4 * PIECE_BYTES."""
        inflating = zlib.decompressobj()
        try:
            with open(self.path, "rb") as file:
                file.seek(len(MAGIC))
                while not inflating.eof:
                    data = inflating.unconsumed_tail or file.read(PIECE_BYTES)
                    if not data:
                        raise self._damaged()
                    yield inflating.decompress(data, 4 * PIECE_BYTES)
        except OSError as error:
            raise self._unreadable(error) from error
        except zlib.error as error:
            raise self._damaged() from error

    def _check_sum(self) -> None:
        try:
            with open(self.path, "rb") as file:
                left = os.fstat(file.fileno()).st_size - len(MAGIC) - DIGEST_BYTES
                magic = file.read(len(MAGIC))
                if magic != MAGIC:
                    raise self._foreign(magic)
                hash = hashlib.sha256(magic)
                while left > 0 and (data := file.read(min(left, PIECE_BYTES))):
                    hash.update(data)
                    left -= len(data)
                if left or file.read() != hash.digest():
                    raise self._damaged()
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> ArchiveError:
        return ArchiveError(f"{self.path} can't be read: {error.strerror}.")

    def _foreign(self, magic: bytes) -> ArchiveError:
        if magic.startswith(MAGIC.rstrip(b"1\n")):
            return ArchiveError(f"{self.path} is a backup of a form that this version of Anywire doesn't know, or is damaged.")
        return ArchiveError(f"{self.path} is no backup of Anywire's, or is damaged.")

    def _damaged(self) -> ArchiveError:
        return ArchiveError(f"{self.path} is damaged or cut off: its checksum or its structure is wrong. Nothing of it is used.")
