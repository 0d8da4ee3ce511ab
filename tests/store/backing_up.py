"""What the tests of backups share: a database with something in every collection, and how two of them compare."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from store.chunks import id_hash
from store.connect import Connection, connect
from store.counts import Counts
from store.items import Items
from store.records import Records
from store.uploads import Uploads
from tests.store.processes import ANNA, BEN
from tests.store.trimming import HOUR_MS, retention
from tests.store.voting import Polling
from tests.store.working import office


@contextlib.asynccontextmanager
async def another(mongo_uri: str, driver: str = "pymongo") -> AsyncIterator[Connection]:
    """An empty database of the same MongoDB."""
    made = await connect(uri=mongo_uri, data=Path("/nowhere"), driver=driver, database=f"test-{uuid.uuid4().hex[:12]}")
    try:
        yield made
    finally:
        await made.writer.drop_database(made.database.name)
        await made.close()


def uri_of(mongo_uri: str, database: str) -> str:
    head, _, query = mongo_uri.partition("/?")
    return f"{head}/{database}?{query}"


async def fill(database: Any) -> Polling:
    """Something in every collection, by what writes it in the server: also a channel that was trimmed, and one that was emptied."""
    process = await Polling.make(database)
    epoch = process.reader.epoch
    for first in range(0, 60, 6):
        await process.publish("chat:trimmed", 6, first=first)
    await retention(process, now_ms=HOUR_MS).trim("chat:trimmed")
    await process.publish("chat:emptied", 5)
    await retention(process, now_ms=31 * 24 * HOUR_MS).trim("chat:emptied")
    # what looks like a position in what a user sent isn't one, nor is it one where a string begins like the rest of an event
    for data in (f'"{epoch}-1"', f'{{"type":"message","position":"{epoch}-2"}}', '"Grüße, 世界"', "1"):
        await process.log.append("chat:x", ANNA, f"id {len(data)}", data.encode())
    await process.log.append("chat:x", BEN, None, b'"without an id of its own"')
    await process.publish("chat:x", 7, user=BEN, first=100)
    for number in range(3):
        await process.log.append("board:x", ANNA, f"state-{number}", b"%d" % number, is_state=True)
    await process.vote("v")
    await process.votes.cast("v", "u_anna", [0])
    await process.votes.cast("v", "u_ben", [2])
    await process.votes.start()
    await process.votes.close()
    async with office(database, b"p9") as made:
        await made.make()
    items, records = Items(database, keep_days=30), Records(database)
    await items.start()
    await items.append("a-job", 0, [b'{"index":0,"ok":true}', b'{"index":1,"ok":false}'], failed=1)
    await records.start()
    await records.insert("a-job", "u_anna", [(0, {"city": "Rome", "$price": 1.5})])
    uploads = Uploads(database)
    await uploads.start()
    writing = uploads.open()
    await writing.write(b"x" * 1_500_000)
    await writing.close()
    counts = Counts(database)
    counts.add("verdicts", "sse", "buffered")
    await counts.flush()
    await database.processes.insert_one({"_id": "long gone", "h": "ab"})
    return process


COLLECTIONS = {
    *("ballots", "channels", "counts", "items", "jobs", "log", "meta", "records", "uploads.chunks", "uploads.files", "votes"),
}


async def dump(database: Any) -> dict[str, dict[str, Any]]:
    """Collection by collection, each document by its id."""
    names = set(await database.list_collection_names()) - {"processes", "probe"}
    return {name: {repr(document["_id"]): document async for document in database[name].find()} for name in names}


def expected(before: dict[str, dict[str, Any]], old: str, new: str) -> dict[str, dict[str, Any]]:
    """What *before* has to have become in another life: said another way than the code does it, by what each JSON event means."""
    after = {name: dict(documents) for name, documents in before.items()}
    after["log"] = {}
    for document in before["log"].values():
        events = [json.loads(line) for line in document["m"].split(b"\n")]
        moved = {**document, "_id": {**document["_id"], "e": new}}
        moved["m"] = [{**event, "position": f"{new}-{event['offset']}"} for event in events]
        if "k" in document:
            given = [event for event in events if event["data"] != "without an id of its own"]
            assert document["k"] == [id_hash(old, event["channel"], event["user"]["id"], event["id"]) for event in given]
            moved["k"] = [id_hash(new, event["channel"], event["user"]["id"], event["id"]) for event in given]
        after["log"][repr(moved["_id"])] = moved
    for name in ("channels", "votes"):
        after[name] = {key: {**document, "e": new} for key, document in before[name].items()}
    after["meta"] = {key: {**document, "epoch": new} for key, document in before["meta"].items()}
    return after


def read_events(dumped: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """*dumped* with the log's events decoded, as `expected` has them."""
    log = {key: {**document, "m": [json.loads(line) for line in document["m"].split(b"\n")]} for key, document in dumped["log"].items()}
    return {**dumped, "log": log}


async def indexes(database: Any) -> dict[str, Any]:
    """What is said of each index, by collection and name, with the order of its keys."""
    found = {}
    for name in COLLECTIONS:
        for index, about in (await database[name].index_information()).items():
            found[name, index] = {**about, "key": list(about["key"])}
    return found
