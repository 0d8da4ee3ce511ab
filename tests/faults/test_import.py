"""An import whose server is killed, stopped, or loses its database in the middle: it goes on by itself, and each row is there once."""

import os
import secrets
import signal
import time

from tests.handlers.runs import CSV, Stream, check, items, stored, uploads
from tests.handlers.talking import Link, Visitor, database_uri, eventually, read_answer, request
from tests.running import Server

ROWS = 20_000
BAD = {"bad-record": range(13, ROWS, 997), "bad-encoding": range(500, ROWS, 1999), "too-large": range(77, ROWS, 4001)}
RESULT = {"imported": ROWS - sum(map(len, BAD.values())), "refused": sum(map(len, BAD.values()))}
BACK_S = 30.0
"""Within this a job goes on after SIGKILL: its lease has to end first."""


def row(index: int) -> bytes:
    if index in BAD["bad-record"]:
        return b"%d" % index
    if index in BAD["bad-encoding"]:
        return b"%d,\xff,x" % index
    if index in BAD["too-large"]:
        return b"%d,%s,x" % (index, b"y" * 17_000)
    return b'%d,Name %d,"%s"' % (index, index, b"z" * 300)


TABLE = b"number,name,text\r\n" + b"\r\n".join(map(row, range(ROWS))) + b"\r\n"


def begin(visitor: Visitor, id: str) -> Stream:
    stream = Stream(visitor, f"/v1/run/import?stream=true&id={id}", CSV, TABLE)
    assert stream.status == 200
    return stream


def brought(visitor: Visitor, job: str) -> int:
    """How many items are stored for good; a state that was answered may have been newer than what a kill left."""
    return len(pages(visitor, job))


def pages(visitor: Visitor, job: str, more: str = "") -> list[dict]:
    found, after = [], -1
    while True:
        page = visitor.ask("GET", f"/v1/jobs/{job}/items?after={after}&limit=1000{more}").json
        found.extend(page["items"])
        if not page["more"]:
            return found
        after = found[-1]["index"]


def check_import(server: Server, visitor: Visitor, job: str) -> None:
    """Every row is told once, every good one is stored once and as it was, and every bad one has its error."""
    bad = {index: code for code, indexes in BAD.items() for index in indexes}
    told = pages(visitor, job)
    assert [item["index"] for item in told] == list(range(ROWS))
    assert {item["index"]: item["error"]["code"] for item in told if not item["ok"]} == bad
    assert pages(visitor, job, "&ok=false") == [item for item in told if not item["ok"]]
    assert all(item["error"]["message"].startswith(f"Line {item['index'] + 2}: ") for item in told if not item["ok"])
    kept = stored(server, job)
    assert {item["index"] for item in told if item["ok"]} == set(kept) and len(kept) == ROWS - len(bad)
    assert all(fields == {"number": str(i), "name": f"Name {i}", "text": "z" * 300} for i, fields in kept.items())
    state = visitor.ask("GET", f"/v1/jobs/{job}").json
    assert state["result"] == RESULT
    assert (state["state"], state["done"], state["total"], state["items"]) == ("done", ROWS, ROWS, ROWS)
    assert eventually(lambda: uploads(server) == 0)


def ended(visitor: Visitor, job: str) -> bool:
    return eventually(lambda: visitor.ask("GET", f"/v1/jobs/{job}").json["state"] == "done", BACK_S)


def test_an_import_outlives_two_kills(start_server):
    server: Server = start_server()
    visitor, id = Visitor(server), secrets.token_hex(12)
    stream = begin(visitor, id)
    while len(items(stream.events)) < 2000:
        stream.next()
    server.kill()
    job, seen = stream.events[0]["id"], []
    server.start()
    assert visitor.ask("GET", f"/v1/jobs/{job}").json["state"] == "running"
    seen.append(brought(visitor, job))
    eventually(lambda: brought(visitor, job) >= max(8000, seen[0] + 2000), BACK_S)
    server.kill()
    server.start()
    seen.append(brought(visitor, job))
    assert 2000 <= seen[0] < seen[1] < ROWS  # or nothing was interrupted
    assert ended(visitor, job)
    check_import(server, visitor, job)
    again = begin(visitor, id)
    assert len(items(again.rest())) == ROWS
    check(again)
    check_import(server, visitor, job)
    assert server.tracebacks() == []


def test_a_stop_tells_who_listens_and_hands_over(start_server):
    server: Server = start_server(drain_s=1)
    visitor, id = Visitor(server), secrets.token_hex(12)
    stream = begin(visitor, id)
    whole = Link(server.port)
    whole.send(request("POST", f"/v1/run/import?id={id}", {**visitor.headers, **CSV}, TABLE))
    uploading = Link(server.port)
    uploading.send(request("POST", "/v1/run/import", {**visitor.headers, **CSV}, TABLE)[:-100])
    while not items(stream.events):
        stream.next()
    server.process.send_signal(signal.SIGTERM)
    assert stream.until("goaway", "end")["type"] == "goaway" and stream.next() is None
    assert stream.events[-1]["reconnect"] is True and stream.retry_ms == stream.events[-1]["retry"]
    check(stream)
    assert read_answer(whole).refusal()[:2] == (503, "draining")
    assert server.process.wait(20) == 0
    uploading.close()
    server.start()
    began_s, job = time.monotonic(), stream.events[0]["id"]
    before = brought(visitor, job)
    assert 0 < before < ROWS
    eventually(lambda: brought(visitor, job) > before)
    assert time.monotonic() - began_s < 3  # no lease had to end
    assert ended(visitor, job)
    check_import(server, visitor, job)
    assert server.tracebacks() == []


def test_another_server_takes_over_and_tells_who_listens_to_it(server, start_server):
    uri = database_uri(server, secrets.token_hex(4))
    one, two = start_server(mongodb_uri=uri), start_server(mongodb_uri=uri)
    visitor, id = Visitor(one), secrets.token_hex(12)
    at_one = begin(visitor, id)
    at_one.until("item")
    visitor.server = two
    at_two = begin(visitor, id)  # joins what runs elsewhere
    assert at_two.until("job") == at_one.events[0]
    at_two.until("item")
    one.kill()
    assert at_two.rest()[-1] == {"type": "end", "result": RESULT}
    check(at_two)
    assert len(items(at_two.events)) == ROWS
    assert two.tracebacks() == []


def test_an_import_outlives_its_database(start_server):
    server: Server = start_server()
    visitor = Visitor(server)
    stream = begin(visitor, secrets.token_hex(12))
    while len(items(stream.events)) < 2000:
        stream.next()
    os.kill(server.mongod_pid, signal.SIGKILL)
    last = stream.until("end", "goaway")
    job = stream.events[0]["id"]
    assert ended(visitor, job)
    check(stream)
    assert last["type"] == "goaway" or last["result"] == RESULT
    check_import(server, visitor, job)
    assert server.tracebacks() == []
