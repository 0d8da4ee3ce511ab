"""A disk without room, and a database that was restored: what clients see of it (docs/operating.md)."""

import os
import secrets

from pymongo import MongoClient

from tests.handlers.four_wires import WIRES, LongPollWire, SseWire, WebSocketWire
from tests.handlers.talking import Visitor, ask, database_uri, eventually


def test_a_disk_that_is_nearly_full_takes_no_more_until_there_is_room(small_disk, start_server, channel, opened):
    disk = small_disk(450)
    server = start_server(data=disk / "data")
    visitor = Visitor(server)
    visitor.publish(channel, "before")
    wire = opened(WebSocketWire, server, f"{channel}@-1")
    assert wire.kind("message")["data"] == "before"
    statistics = os.statvfs(disk)
    with (disk / "filler").open("wb") as filler:
        filler.write(bytes(statistics.f_bavail * statistics.f_frsize - 150_000_000))
    body = {"channel": channel, "data": "no room", "id": "once"}
    refused = eventually(lambda: (a := visitor.ask("POST", "/v1/publish", data={**body, "id": secrets.token_hex(16)})).status == 503 and a)
    assert refused.header("retry-after") == "5"
    assert [m["data"] for m in visitor.history(channel, limit=1000)["messages"]][0] == "before"
    assert ask(server, "GET", "/healthz").status == 200
    (disk / "filler").unlink()
    receipt = eventually(lambda: (a := visitor.ask("POST", "/v1/publish", data=body)).status == 200 and a).json
    assert wire.until(lambda event: event["type"] == "message" and event["id"] == "once")["offset"] == receipt["offset"]
    assert sum("MB of disk are free" in line for line in server.output) == 2


def test_a_database_that_was_restored_sends_everybody_away_once(start_server, channel, opened):
    server = start_server(heartbeat_s=1)
    visitor = Visitor(server)
    before = visitor.publish(channel, "of the first life")
    wires = [opened(kind, server, f"{channel}@{before['position']}") for kind in (WebSocketWire, SseWire, LongPollWire)]
    with MongoClient(database_uri(server, "anywire")) as client:
        client.anywire.meta.update_one({"_id": "anywire"}, {"$set": {"epoch": "secondlife"}})
    for wire in wires:
        assert wire.kind("goaway")["reconnect"] is True
    after = visitor.publish(channel, "of the second")
    assert after["position"] == "secondlife-1"
    for kind in WIRES:
        again = opened(kind, server, f"{channel}@{before['position']}")
        assert again.kind("subscribed")["recovered"] is False
        assert again.kind("message")["data"] == "of the second"
    assert sum("the log was restored" in line for line in server.output) == 1
    assert server.tracebacks() == []
