"""What belongs to the database as a whole: its epoch and the key that signs cookies. Made once, by whoever comes first."""

import secrets
import string
from typing import Any, NamedTuple

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

_ALPHABET = string.digits + string.ascii_lowercase
SCHEMA = 1
"""Raised when the form of the stored documents changes."""


class Meta(NamedTuple):
    epoch: str
    secret: bytes


async def load_meta(database: Any) -> Meta:
    """The one document of `meta`, made if there is none; its indexes too. Raises PyMongoError."""
    fresh = {
        "epoch": "".join(secrets.choice(_ALPHABET) for _ in range(8)),
        "secret": secrets.token_bytes(32),
        "schema": SCHEMA,
    }
    try:
        document = await database.meta.find_one_and_update(
            {"_id": "anywire"}, {"$setOnInsert": fresh}, upsert=True, return_document=ReturnDocument.AFTER
        )
    except DuplicateKeyError:  # another process made it between our look and our insert
        document = await database.meta.find_one({"_id": "anywire"})
    await database.log.create_index("k", unique=True, sparse=True, name="ids")
    return Meta(document["epoch"], bytes(document["secret"]))
