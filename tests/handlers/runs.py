"""Running tasks over HTTP: requests with files, event streams read block by block, and what lies in the database."""

import contextlib
import json
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import pymongo

from tests.handlers.inside import Inside
from tests.handlers.talking import PATIENCE_S, Link, Visitor, database_uri, read_chunk, read_head, request
from tests.running import Server

CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}
BOUNDARY = "----anywire7MA4YWxkTrZu0gW"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
FINAL = ("end", "error", "goaway")
Event = dict[str, Any]


def part(content: bytes, name: str = "file", filename: str | None = "rows.csv", headers: str = "Content-Type: text/csv\r\n") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    return f"--{BOUNDARY}\r\n{disposition}\r\n{headers}\r\n".encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


class Stream:
    """One event stream of a run; its status is that of the answer, and with another one than 200 there are no events."""

    def __init__(
        self,
        visitor: Visitor | None,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        *,
        port: int = 0,
        receive_bytes: int = 0,
    ):
        self.link = Link(port or visitor.server.port, receive_bytes)
        fields = {**(visitor.headers if visitor else {}), **(headers or {})}
        self.link.send(request("GET" if body is None else "POST", target, fields, body))
        self.status, self.headers = read_head(self.link)
        self.ids: list[str] = []
        """Of the events so far; "" where one has none."""
        self.comments = 0
        self.retry_ms: int | None = None
        self.events: list[Event] = []
        self._text = b""
        self._blocks: deque[bytes] = deque()
        self._ended = False
        self._deadline_s = time.monotonic() + 6 * PATIENCE_S

    def next(self) -> Event | None:
        """None at the end of the stream."""
        while not self._blocks:
            if self._ended:
                return None
            assert time.monotonic() < self._deadline_s, "it goes on without an end"
            chunk = read_chunk(self.link)
            self._ended = not chunk
            *blocks, self._text = (self._text + chunk).split(b"\n\n")
            self._blocks.extend(blocks)
        block = self._blocks.popleft()
        found, id = None, ""
        for line in block.decode().split("\n"):
            field, _, value = line.partition(": ")
            if field == "":
                self.comments += 1
            elif field == "id":
                id = value
            elif field == "retry":
                self.retry_ms = int(value)
            else:
                assert field == "data", line
                found = json.loads(value)
        if found is None:
            return self.next()
        self.ids.append(id)
        self.events.append(found)
        return found

    @property
    def last_id(self) -> str:
        """What an EventSource would send back."""
        return next(id for id in reversed(self.ids) if id)

    def until(self, *kinds: str) -> Event:
        while (event := self.next()) is not None:
            if event["type"] in kinds:
                return event
        raise AssertionError(f"none of {kinds} came before the end")

    def rest(self) -> list[Event]:
        """All events, those that were taken before, too."""
        while self.next() is not None:
            pass
        return self.events

    def close(self) -> None:
        self.link.close()


def run_stream(visitor: Visitor, target: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> list[Event]:
    """All events of a run, in the order that they have to have: the job, items, states behind the items that they count, the end."""
    stream = Stream(visitor, target, headers, body)
    assert stream.status == 200, stream.link.buffer
    events = stream.rest()
    stream.close()
    check(stream)
    return events


def check(stream: Stream, first: int = 0) -> None:
    events = stream.events
    assert [event["type"] for event in events if event["type"] in FINAL] == [events[-1]["type"]]
    job = events[0]["id"]
    assert events[0]["type"] == "job" and events[0]["channel"] == f"job:{job}"
    expected, last_done = first, 0
    for event, id in zip(events, stream.ids, strict=True):
        if event["type"] == "item":
            assert (event["index"], id) == (expected, f"{job}.{expected}")
            expected += 1
        elif event["type"] == "state":
            assert (event["data"]["items"] or 0) <= expected and event["data"]["done"] >= last_done
            last_done = event["data"]["done"]
    assert stream.ids[0] == f"{job}.{first - 1}"
    assert stream.ids[-1] == (f"{job}.end" if events[-1]["type"] != "goaway" else "")


def items(events: list[Event]) -> list[Event]:
    return [event for event in events if event["type"] == "item"]


@contextlib.contextmanager
def database(server: Server | Inside, name: str = "anywire") -> Iterator[Any]:
    """What the server has stored."""
    with pymongo.MongoClient(database_uri(server, name)) as client:
        yield client[name]


def stored(server: Server | Inside, job: str, name: str = "anywire") -> dict[int, dict[str, Any]]:
    """The records of an import, by their index."""
    with database(server, name) as found:
        return {int(document["_id"].rpartition("-")[2]): document["d"] for document in found.records.find({"j": job})}


def uploads(server: Server | Inside, name: str = "anywire") -> int:
    """How much is left of files."""
    with database(server, name) as found:
        return found["uploads.files"].count_documents({}) + found["uploads.chunks"].count_documents({})
