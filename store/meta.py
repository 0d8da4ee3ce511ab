"""What belongs to the database as a whole: its epoch and the key that signs cookies. Made once, by whoever comes first."""

import secrets
import string
from typing import Any, NamedTuple

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from store.start_error import StartError

_ALPHABET = string.digits + string.ascii_lowercase
SCHEMA = 1
"""Raised when the form of the stored documents changes."""


class Meta(NamedTuple):
    epoch: str
    secret: bytes


def fresh_epoch() -> str:
    """One that no other log has."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


async def check_whole(database: Any) -> None:
    """Raises StartError half-restored while a backup is being put into *database*, or where that has not come to its end."""
    document = await database.meta.find_one({"_id": "anywire"}, {"restoring": 1})
    restoring = document and document.get("restoring")
    if restoring:
        raise StartError(
            "half-restored",
            f"The database {database.name} holds a part of a backup: restoring {restoring['from']}, begun at "
            f"{restoring['since']:%Y-%m-%d %H:%M:%S} UTC, has not come to its end.\n"
            "If it isn't still running, restore again, that backup or another one: make restore FROM=…",
        )


async def load_meta(database: Any) -> Meta:
    """The one document of `meta`, made if there is none; its indexes too. Raises PyMongoError."""
    fresh = {
        "epoch": fresh_epoch(),
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
