"""How messages lie in MongoDB: one document per channel and commit.

_id  {c: channel, e: epoch, o: offset of the first message}    unique, so no two processes can have one offset
n    how many messages
t    when, ms since 1970 UTC
m    their JSON events, as clients get them, joined by newlines (compact JSON has none of its own)
k    a hash of (epoch, channel, user, client id) of each message that has a client id; unique over the log
s    true where they are states: of these only the newest counts
w    which attempt of which writer this is, so that a writer whose connection broke knows its own again
p    the process that wrote it; its change stream leaves these out
"""

import hashlib
from typing import Any, NamedTuple

from protocol.message import Message

CHUNK_BYTES = 1_000_000
"""Far below MongoDB's 16 MB, and small enough to read one page without reading much more."""
CHUNK_MESSAGES = 1000


class Chunk(NamedTuple):
    """One document of the log, decoded."""

    first: int
    messages: list[Message]
    attempt: bytes
    is_state: bool

    @property
    def last(self) -> int:
        return self.first + len(self.messages) - 1


def id_hash(epoch: str, channel: str, user: str, id: str) -> bytes:
    """The 16 bytes that stand for a client id in the unique index; what an earlier life of the log holds is no repeat."""
    return hashlib.blake2b(f"{epoch}\n{channel}\n{user}\n{id}".encode(), digest_size=16).digest()


def chunk_document(
    channel: str, epoch: str, messages: list[Message], keys: list[bytes], time: int, attempt: bytes, process: bytes
) -> dict[str, Any]:
    """*messages* are contiguous, and all of one kind."""
    document: dict[str, Any] = {
        "_id": {"c": channel, "e": epoch, "o": messages[0].offset},
        "n": len(messages),
        "t": time,
        "m": b"\n".join([message.payload for message in messages]),
        "w": attempt,
        "p": process,
    }
    if keys:  # a unique index would take two empty arrays for the same value; it is sparse, so none is none
        document["k"] = keys
    if messages[0].is_state:
        document["s"] = True
    return document


def decode_chunk(document: Any) -> Chunk:
    first, is_state = document["_id"]["o"], "s" in document
    messages = [Message(first + i, payload, is_state) for i, payload in enumerate(document["m"].split(b"\n"))]
    return Chunk(first, messages, document["w"], is_state)


def chunk_range(channel: str, epoch: str, after: int, below: int = 2**63 - 1) -> dict[str, Any]:
    """A filter for the chunks whose first offset lies in (after, below): a range of the _id index."""
    return {"_id": {"$gt": {"c": channel, "e": epoch, "o": after}, "$lt": {"c": channel, "e": epoch, "o": below}}}
