"""A stored document of one life of the log, as it is in another: what a restore changes in each.

The epoch is a part of a chunk's `_id`, of the position in each stored message, and of the hashes that stand for client ids;
of a channel's tombstone; and of the place of a vote's newest state.
"""

from typing import Any

import bson
import msgspec
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from store.archive import ArchiveError
from store.chunks import id_hash


class _User(msgspec.Struct):
    id: str


class _Sent(msgspec.Struct):
    """What of a stored message its client's id was hashed with."""

    id: str
    user: _User


_decode = msgspec.json.Decoder(_Sent).decode


def renewed(collection: str, document: bytes, old: str, new: str) -> Any:
    """*document*, BSON, with epoch *new* in place of *old*. Raises ArchiveError where it isn't of the form that the store writes."""
    try:
        if collection == "log":
            return _chunk(bson.decode(document), old, new)
        if collection in ("channels", "votes"):
            fields = bson.decode(document)
            return {**fields, "e": new} if fields["e"] == old else fields
        return RawBSONDocument(document)
    except (AttributeError, KeyError, TypeError, BSONError, msgspec.MsgspecError) as error:
        raise ArchiveError(f"The backup holds a document in {collection} that no server of this version wrote.") from error


def _chunk(document: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    id, kind = document["_id"], "state" if "s" in document else "message"
    channel, payloads = id["c"], document["m"].split(b"\n")
    hashes = set(document.get("k", ()))
    moved: list[bytes] = []
    keys: list[bytes] = []
    for offset, payload in enumerate(payloads, id["o"]):
        # as protocol.message.encode_messages begins it
        begin = f'{{"type":"{kind}","channel":"{channel}","offset":{offset},"position":"'
        before = f'{begin}{old}-{offset}"'.encode()
        if not payload.startswith(before):
            raise _unknown(channel, offset)
        moved.append(f'{begin}{new}-{offset}"'.encode() + payload[len(before) :])
        if hashes:
            sent = _decode(payload)
            if id_hash(old, channel, sent.user.id, sent.id) in hashes:
                keys.append(id_hash(new, channel, sent.user.id, sent.id))
    if id["e"] != old or len(payloads) != document["n"] or len(keys) != len(hashes):
        raise _unknown(channel, id["o"])
    document["_id"] = {**id, "e": new}
    document["m"] = b"\n".join(moved)
    if keys:
        document["k"] = keys
    return document


def _unknown(channel: str, offset: int) -> ArchiveError:
    return ArchiveError(f"The backup holds something at {channel}, offset {offset}, that no server of this version wrote.")
