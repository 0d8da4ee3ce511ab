"""A cancel while a task runs: all that was stored by then is told, before the end is."""

import asyncio
import secrets
import threading
import time

import pytest

from tasks.registry import TASKS, Task
from tests.handlers.inside import inside
from tests.handlers.runs import CSV, Stream, check, items, stored
from tests.handlers.talking import Visitor, database_uri, eventually

MANY = b"a,b\n" + b"".join(b"%d\n" % row if row % 10 == 0 else b"%d,x\n" % row for row in range(60_000))
LATE = 1201
GATES: dict[str, asyncio.Event] = {}


async def late(run):
    """Brings one item, and many more, at one go, once its gate is open; it never ends by itself."""
    yield {"number": 0}
    await GATES.setdefault(run.input["gate"], asyncio.Event()).wait()
    yield [{"number": number} for number in range(1, LATE)]
    await asyncio.Event().wait()


@pytest.fixture(scope="module")
def database_name():
    return secrets.token_hex(4)


@pytest.fixture(scope="module")
def late_server(server, database_name):
    TASKS["late"] = Task("late", "Late", late, is_safe=True, fields=("gate",))
    with inside(database_uri(server, database_name)) as running:
        yield running
    del TASKS["late"]


@pytest.fixture
def visitor(late_server):
    return Visitor(late_server)


def all_items(visitor, job: str) -> list[int]:
    """Asked for as a client does that has just heard of the end."""
    indexes, more = [], True
    while more:
        page = visitor.ask("GET", f"/v1/jobs/{job}/items?limit=1000&after={len(indexes) - 1}").json
        indexes += [item["index"] for item in page["items"]]
        more = page["more"]
    return indexes


def test_what_is_stored_after_the_cancel_is_told_before_the_end(visitor):
    gate = secrets.token_hex(4)
    target, answers, listed = f"/v1/run/late?gate={gate}&id={secrets.token_hex(12)}", [], []
    stream = Stream(visitor, f"{target}&stream=true")
    stream.until("item")
    job = stream.events[0]["id"]
    waiting = threading.Thread(target=lambda: answers.append(visitor.ask("GET", target)))
    waiting.start()
    eventually(lambda: len(visitor.server.node.connections) == 2)
    state = visitor.ask("POST", f"/v1/jobs/{job}/cancel").json
    assert (state["state"], state["items"]) == ("cancelled", 1)
    listing = threading.Thread(target=lambda: listed.extend(all_items(visitor, job)))
    listing.start()
    visitor.server.loop.call_soon_threadsafe(GATES[gate].set)
    events = stream.rest()
    check(stream)
    assert [item["index"] for item in items(events)] == list(range(LATE)) and events[-1]["code"] == "cancelled"
    waiting.join()
    assert [item["index"] for item in answers[0].json["items"]] == list(range(LATE))
    assert answers[0].json["error"]["code"] == "cancelled" and answers[0].json["job"]["items"] == 1
    listing.join()
    assert listed == list(range(LATE))
    began_s = time.monotonic()
    assert [item["index"] for item in visitor.ask("GET", target).json["items"]] == list(range(LATE))  # and later at once
    assert all_items(visitor, job) == listed and time.monotonic() - began_s < 2


@pytest.mark.parametrize("count", [1, 500, 2000])
def test_a_cancelled_import_tells_every_row_that_it_stored(server, database_name, visitor, count):
    stream = Stream(visitor, "/v1/run/import?stream=true", CSV, MANY)
    while len(items(stream.events)) < count:
        assert stream.next()
    job = stream.events[0]["id"]
    assert visitor.ask("POST", f"/v1/jobs/{job}/cancel").json["state"] == "cancelled"
    told = items(stream.rest())
    check(stream)
    assert stream.events[-1]["code"] == "cancelled" and count <= len(told) < 60_000
    assert {item["index"] for item in told if item["ok"]} == set(stored(server, job, database_name))
    assert all_items(visitor, job) == list(range(len(told)))
