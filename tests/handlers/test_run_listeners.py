"""Who listens to a run: leaves, comes again, reads slowly, or is sent away. The task goes on, and nothing is told twice or left out."""

import asyncio
import json
import secrets
import threading
import time

import pytest

from tasks.registry import TASKS, Task
from tests.handlers.inside import inside
from tests.handlers.runs import CSV, FINAL, Stream, check, items, run_stream
from tests.handlers.talking import Link, Visitor, database_uri, eventually, read_answer, read_head, request

ROWS = 100_000
TEXT = "x" * 200


async def gated(run):
    """Brings one item, then waits, then brings two."""
    go_on = GATES.setdefault(run.input.get("gate", ""), asyncio.Event())
    for number in range(run.skip, 3):
        if number == 1:
            await go_on.wait()
        yield {"number": number}
    run.result = "all"


async def many(run):
    run.total = ROWS
    for _ in range(run.skip, ROWS):
        yield {"text": TEXT}


GATES: dict[str, asyncio.Event] = {}


@pytest.fixture(scope="module")
def beats(server):
    """A server in this process, with tasks of these tests and a short heartbeat."""
    for task in (Task("gated", "Gated", gated, is_safe=True, fields=("gate",)), Task("many", "Many", many)):
        TASKS[task.name] = task
    with inside(database_uri(server, secrets.token_hex(4)), heartbeat_s=0.5, connections_per_address=30) as running:
        yield running
    for name in ("gated", "many"):
        del TASKS[name]


@pytest.fixture
def guest(beats):
    return Visitor(beats)


@pytest.fixture
def gate(beats):
    """Its name, and what opens it."""
    name = secrets.token_hex(4)
    return name, lambda: beats.loop.call_soon_threadsafe(lambda: GATES.setdefault(name, asyncio.Event()).set())


def ended(visitor, job):
    return eventually(lambda: (state := visitor.ask("GET", f"/v1/jobs/{job}").json)["state"] in ("done", "failed", "cancelled") and state)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("query", ["stream=true&", ""])
def test_a_task_goes_on_without_its_listener(beats, guest, gate, how, query):
    name, open_gate = gate
    id = secrets.token_hex(12)
    link = Link(beats.port)
    link.send(request("GET", f"/v1/run/gated?{query}gate={name}&id={id}", guest.headers))
    jobs = eventually(lambda: [job for job in guest.ask("GET", "/v1/jobs").json["jobs"] if job["items"] == 1])
    eventually(lambda: len(beats.node.connections) == 1)
    getattr(link, how)()
    eventually(lambda: not beats.node.connections)
    assert not beats.node.hub.log(f"job:{jobs[0]['id']}").subscriptions
    open_gate()
    assert ended(guest, jobs[0]["id"])["items"] == 3
    events = run_stream(guest, f"/v1/run/gated?stream=true&gate={name}&id={id}")
    assert events[0]["id"] == jobs[0]["id"] and len(items(events)) == 3


def test_a_reconnect_resumes_the_job(beats, guest, gate):
    """As a browser's EventSource does it: the same address again, with the id of the last event."""
    name, open_gate = gate
    target = f"/v1/run/gated?stream=true&gate={name}"
    first = Stream(guest, target)
    item = first.until("item")
    assert (first.ids[0], first.last_id) == (f"{first.events[0]['id']}.-1", f"{first.events[0]['id']}.0")
    first.close()
    again = Stream(guest, target, {"Last-Event-ID": first.last_id})
    at_once = Stream(guest, f"{target}&lastEventId={first.ids[0]}")
    open_gate()
    assert [event["index"] for event in items(again.rest())] == [1, 2]
    check(again, 1)
    assert items(at_once.rest())[0] == item
    check(at_once)
    for stream in (again, at_once):
        assert stream.events[0] == first.events[0] and stream.events[-1] == {"type": "end", "result": "all"}
    assert len(guest.ask("GET", "/v1/jobs").json["jobs"]) == 1
    for last in (again.last_id, "nothing.3", f"{first.events[0]['id']}.x", f"{first.events[0]['id']}.-2", ".", "x", "é.1", "." * 500):
        over = Stream(guest, target, {"Last-Event-ID": last})
        assert over.status == 204, last
        over.close()
    after_the_end = Stream(guest, target, {"Last-Event-ID": f"{first.events[0]['id']}.2"})
    assert [event["type"] for event in after_the_end.rest()] == ["job", "state", "end"]
    assert len(guest.ask("GET", "/v1/jobs").json["jobs"]) == 1


def test_the_key_is_for_the_creator_alone(beats, guest, gate):
    name, open_gate = gate
    mine = Stream(guest, f"/v1/run/gated?stream=true&gate={name}")
    mine.until("item")
    stranger = Visitor(beats)
    theirs = Stream(stranger, f"/v1/run/gated?stream=true&gate={name}", {"Last-Event-ID": mine.ids[0]})
    open_gate()
    key = mine.events[0]["key"]
    assert key and key not in json.dumps(theirs.rest()) and [event["type"] for event in theirs.events][0] == "job"
    assert key not in json.dumps(mine.rest()[1:])
    whole = guest.ask("GET", f"/v1/run/gated?gate={name}")
    assert key not in whole.body.decode() and '"key"' not in whole.body.decode()
    job = mine.events[0]["id"]
    for target in (f"/v1/jobs/{job}", f"/v1/jobs/{job}/items", f"/v1/long-poll?sub=job:{job}@0"):
        assert key not in stranger.ask("GET", target).body.decode()


def test_a_job_of_another_kind_is_not_resumed_here(guest):
    made = guest.ask("POST", "/v1/jobs", data={"title": "By hand"}).json
    imported = guest.ask("POST", "/v1/run/import", CSV, body=b"a\n1\n").json["job"]["id"]
    for job in (made["id"], imported):
        assert guest.ask("GET", "/v1/run/gated?stream=true", {"Last-Event-ID": f"{job}.-1"}).status == 204


def test_silence_has_a_heartbeat(guest, gate):
    name, open_gate = gate
    stream = Stream(guest, f"/v1/run/gated?stream=true&gate={name}")
    began_s = time.monotonic()
    stream.until("item")
    threading.Timer(1.8, open_gate).start()
    stream.rest()
    check(stream)
    assert 2 <= stream.comments <= 4 and time.monotonic() - began_s < 5


def test_several_listeners_hear_the_same(guest, gate):
    name, open_gate = gate
    target = f"/v1/run/gated?stream=true&gate={name}&id={secrets.token_hex(12)}"
    streams = [Stream(guest, target) for _ in range(5)]
    for stream in streams:
        stream.until("item")
    open_gate()
    for stream in streams:
        assert [event for event in stream.rest() if event["type"] != "state"] == [e for e in streams[0].rest() if e["type"] != "state"]
        check(stream)


def test_listeners_count_as_connections(beats, guest, gate):
    name, open_gate = gate
    target = f"/v1/run/gated?stream=true&gate={name}&id={secrets.token_hex(12)}"
    streams = [Stream(guest, target) for _ in range(30)]
    refused = Stream(guest, target)
    assert refused.status == 429
    open_gate()
    for stream in streams:
        stream.rest()
    assert eventually(lambda: not beats.node.connections) and not beats.node.addresses


def test_a_cancel_ends_the_stream_and_the_whole_answer(beats, guest, gate):
    name, _ = gate
    target, answers = f"/v1/run/gated?gate={name}&id={secrets.token_hex(12)}", []
    stream = Stream(guest, f"{target}&stream=true")
    stream.until("item")
    waiting = threading.Thread(target=lambda: answers.append(guest.ask("GET", target)))
    waiting.start()
    eventually(lambda: len(beats.node.connections) == 2)
    assert guest.ask("POST", f"/v1/jobs/{stream.events[0]['id']}/cancel", data={}).status == 200
    assert stream.until(*FINAL)["code"] == "cancelled"
    waiting.join()
    assert list(answers[0].json) == ["job", "items", "error"] and answers[0].json["error"]["code"] == "cancelled"


# much of it


def unsent(beats) -> int:
    """Bytes that wait in this process for its listeners."""
    connections = list(beats.node.connections)
    return sum(len(c.request.connection.stream._write_buffer) + sum(map(len, c._write_buffer)) for c in connections)


def test_a_slow_reader_of_a_hundred_thousand_items_costs_little(beats, guest):
    """Both readers stop, the task ends without them, and each reads all of it later."""
    target = f"/v1/run/many?id={secrets.token_hex(12)}"
    stream = Stream(guest, f"{target}&stream=true", body=b"", receive_bytes=4096)
    job = stream.until("job")["id"]
    whole = Link(beats.port, 4096)
    whole.send(request("POST", target, guest.headers, b""))
    most = 0
    while guest.ask("GET", f"/v1/jobs/{job}").json["state"] == "running":
        most = max(most, unsent(beats))
        time.sleep(0.02)
    for _ in range(50):
        most = max(most, unsent(beats))
        time.sleep(0.01)
    assert 0 < most < 2_000_000, most
    assert [event["index"] for event in items(stream.rest())] == list(range(ROWS))
    check(stream)
    answer = read_answer(whole)
    assert [item["index"] for item in answer.json["items"]] == list(range(ROWS)) and answer.json["job"]["items"] == ROWS


def test_more_tasks_than_a_visitor_may_run(beats, guest, gate):
    name, open_gate = gate
    running = [Stream(guest, f"/v1/run/gated?stream=true&gate={name}&id={number}") for number in range(4)]
    for stream in running:
        stream.until("item")
    for headers, body in ((CSV, b"a\n1\n"), ({"Content-Type": "multipart/form-data; boundary=x"}, b"nothing")):
        assert guest.ask("POST", "/v1/run/import", headers, body=body).refusal()[:2] == (429, "too-many-tasks")
    assert guest.ask("GET", f"/v1/run/gated?gate={name}").refusal()[:2] == (429, "too-many-tasks")
    joined = Stream(guest, f"/v1/run/gated?stream=true&gate={name}&id=0")
    assert joined.until("job") == running[0].events[0]
    open_gate()
    for stream in (*running, joined):
        stream.rest()
        check(stream)
    assert eventually(lambda: guest.ask("POST", "/v1/run/import", CSV, body=b"a\n1\n").status == 200)


def test_new_jobs_of_a_visitor_have_a_rate(beside):
    limited = Visitor(beside(publish_per_s=0.4))
    statuses = [
        limited.ask("POST", "/v1/run/import?stream=x" if n == 0 else "/v1/run/import", CSV, body=b"a\n1\n").status for n in range(7)
    ]
    assert statuses[0] == 400 and statuses[1:5] == [200] * 4 and 429 in statuses[5:]


@pytest.mark.parametrize("query", ["?stream=true", ""])
@pytest.mark.parametrize("wanted", [{}, {"Connection": "close"}, {"Connection": "keep-alive"}])
def test_an_answer_by_the_old_http_ends_with_its_connection(guest, query, wanted):
    link = Link(guest.server.port)
    link.send(request("POST", f"/v1/run/import{query}", {**guest.headers, **CSV, **wanted}, b"a\n1\n", version="1.0"))
    status, headers = read_head(link)
    assert status == 200 and "transfer-encoding" not in headers and headers.get("connection") != ["Keep-Alive"]
    assert link.rest().rstrip().endswith(b'"result":{"imported":1,"refused":0}}')


def test_the_head_of_a_stream(guest):
    link = Link(guest.server.port)
    link.send(request("GET", "/v1/run/gated?stream=true&gate=", guest.headers))
    status, headers = read_head(link)
    link.close()
    assert status == 200 and headers["content-type"] == ["text/event-stream"]
    assert headers["cache-control"] == ["no-cache, no-transform"] and headers["x-accel-buffering"] == ["no"]
