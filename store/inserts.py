"""Storing chunks: one `insert` command, and what the database refused of it.

The command is sent as it is, and not by the driver's bulk interface: that one's retries repeat what the writer does about a
lost answer anyway, and MongoDB writes down every insert once more for them. A lone commit costs some 5 % less without.
"""

from typing import Any

from pymongo.errors import WriteConcernError

COMMAND = {"insert": "log", "ordered": False, "writeConcern": {"w": "majority", "j": True}}
"""The driver adds store.connect.DURABLE to all else; a command says for itself how durable it wants to be."""


async def insert(database: Any, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Inserts *documents* into the log, each for itself. Returns the write errors: the `index` and `code` of each, and what else
    MongoDB says (MongoDB's manual, command insert).

    Raises PyMongoError where the outcome is unknown, or a majority hasn't acknowledged what was inserted.
    """
    answer = await database.command({**COMMAND, "documents": documents})
    error = answer.get("writeConcernError")
    if error is not None:
        raise WriteConcernError(error.get("errmsg", ""), error.get("code"), error)
    return answer.get("writeErrors", [])
