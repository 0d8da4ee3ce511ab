"""/v1/jobs and bad input of every kind: refused with a reason, never a 500, and nothing of it is kept."""

import json
import secrets
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handlers.talking import BACKEND, Link, Visitor, ask, eventually, read_answer, request
from tests.protocol.repeatable import examples

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 101 + b"]" * 101


@pytest.fixture(scope="module")
def made(server):
    """A job that no test changes: its address, and its key as a header."""
    answer = ask(server, "POST", "/v1/jobs", data={"title": "Still", "total": 10})
    assert answer.status == 201
    return f"/v1/jobs/{answer.json['id']}", {"Authorization": f"Bearer {answer.json['key']}"}


@pytest.fixture
def unchanged(server, made):
    """Sees to it that the job stays as it was."""
    before = ask(server, "GET", made[0]).json
    yield
    assert ask(server, "GET", made[0]).json == before


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "bad-json", None),
        (b"{", 400, "bad-json", None),
        (b"\xff", 400, "bad-json", None),
        (b'{"title":"\xff"}', 400, "bad-json", None),
        (b'{"title":"\\ud800"}', 400, "bad-json", None),
        (b"[]", 400, "bad-request", None),
        (b"null", 400, "bad-request", None),
        (b"{}", 400, "bad-request", "title"),
        (b'{"title":1}', 400, "bad-request", "title"),
        (b'{"title":""}', 400, "bad-request", "title"),
        (b'{"title":" \\n "}', 400, "bad-request", "title"),
        (b'{"title":"%s"}' % (b"x" * 201), 400, "bad-request", "title"),
        (b'{"title":"x","total":"9"}', 400, "bad-request", "total"),
        (b'{"title":"x","total":-1}', 400, "bad-request", "total"),
        (b'{"title":"x","total":true}', 400, "bad-request", "total"),
        (b'{"title":"x","total":1e400}', 400, "bad-request", "total"),
        (b'{"title":"x","total":NaN}', 400, "bad-json", None),
        (b'{"title":"x","total":%s}' % (b"9" * 400), 400, "bad-request", "total"),
        (b'{"title":"x","unit":7}', 400, "bad-request", "unit"),
        (b'{"title":"x","unit":"%s"}' % (b"x" * 21), 400, "bad-request", "unit"),
        (b'{"title":"x","id":""}', 400, "bad-request", "id"),
        (b'{"title":"x","id":7}', 400, "bad-request", "id"),
        (b'{"title":"x","id":"%s"}' % (b"x" * 65), 400, "bad-request", "id"),
        (b'{"title":"x","cancellable":"nobody"}', 400, "bad-request", "cancellable"),
        (b'{"title":"x","cancellable":null}', 400, "bad-request", "cancellable"),
        (b'{"title":"x","more":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "bad-json", None),
        (b'{"title":"x","more":"%s"}' % (b"x" * 2**21), 413, "too-large", None),
    ],
)
def test_a_job_that_can_not_be_made(visitor, body, status, code, field):
    answer = visitor.ask("POST", "/v1/jobs", JSON, body=body)
    found = answer.refusal()
    assert found[:2] == (status, code) and (field is None or found[2] == field)
    assert visitor.ask("GET", "/v1/jobs").json == {"jobs": []}


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "bad-json", None),
        (b"[1]", 400, "bad-request", None),
        (b'"done"', 400, "bad-request", None),
        (b'{"done":null}', 400, "bad-request", "done"),
        (b'{"done":"5"}', 400, "bad-request", "done"),
        (b'{"done":-1}', 400, "bad-request", "done"),
        (b'{"done":1e16}', 400, "bad-request", "done"),
        (b'{"done":1e999}', 400, "bad-request", "done"),
        (b'{"done":-%s}' % (b"9" * 400), 400, "bad-request", "done"),
        (b'{"total":-0.1}', 400, "bad-request", "total"),
        (b'{"total":[]}', 400, "bad-request", "total"),
        (b'{"note":{}}', 400, "bad-request", "note"),
        (b'{"note":"%s"}' % (b"x" * 2001), 400, "bad-request", "note"),
        (b'{"note":"\\udfff\\ud800"}', 400, "bad-json", None),
        (b'{"state":"stalled"}', 400, "bad-request", "state"),
        (b'{"state":"DONE"}', 400, "bad-request", "state"),
        (b'{"state":null}', 400, "bad-request", "state"),
        (b'{"seq":-1}', 400, "bad-request", "seq"),
        (b'{"seq":1.5}', 400, "bad-request", "seq"),
        (b'{"seq":%s}' % (b"9" * 30), 400, "bad-request", "seq"),
        (b'{"result":"%s"}' % (b"x" * 49_152), 413, "too-large", "result"),
        (b'{"result":"%s"}' % (b"x" * 100_000), 413, "too-large", "result"),
        (b'{"result":%s}' % (b"9" * 400), 400, "bad-data", "result"),
        (b'{"result":' + DEEP + b"}", 400, "bad-data", "result"),
        (b'{"result":' + DEEP * 3 + b"}", 400, "bad-json", None),
        (b'{"result":' + b"[" * 900 + b"]" * 900 + b"}", 400, None, None),
        (b'{"result":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400, "bad-json", None),
        (b'{"result":"\\ud800"}', 400, "bad-json", None),
        (b'{"state":"done","note":7}', 400, "bad-request", "note"),
    ],
)
def test_an_update_that_is_not_taken(server, made, unchanged, body, status, code, field):
    address, key = made
    found = ask(server, "PATCH", address, {**JSON, **key}, body=body).refusal()
    assert found[0] == status and code in (None, found[1]) and (field is None or found[2] == field)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_bodies_are_json(server, visitor, made, unchanged, media_type):
    address, key = made
    for method, target in (("POST", "/v1/jobs"), ("PATCH", address)):
        headers = {"Content-Type": media_type, **(key if method == "PATCH" else {})}
        assert visitor.ask(method, target, headers, body=b'{"title":"x","done":3}').refusal()[:2] == (415, "bad-media-type")


@pytest.mark.parametrize(
    "name", ["x", "%00", "..", ".", "%2e%2e", "%C3%A4", "a" * 5000, "%F0%9F%98%80", "$where", "%7B%22$ne%22:1%7D", "x%2Fcancel", "-1"]
)
def test_there_is_no_such_job(server, name):
    for method, tail in (("GET", ""), ("HEAD", ""), ("PATCH", ""), ("POST", "/cancel"), ("GET", "/items")):
        answer = ask(server, method, f"/v1/jobs/{name}{tail}", {"Authorization": "Bearer x"} if method == "PATCH" else {}, data={})
        assert answer.status == 404
        if method != "HEAD":
            assert answer.refusal()[1] == "not-found" and len(answer.error["message"]) < 200
    assert ask(server, "GET", "/v1/jobs/%ff").status in (400, 404)


def test_methods_that_there_are_not(server, made, unchanged):
    address, _ = made
    for target, methods in (
        ("/v1/jobs", ("PUT", "DELETE", "PATCH")),
        (address, ("PUT", "DELETE", "POST")),
        (f"{address}/cancel", ("GET", "PUT", "PATCH", "DELETE")),
        (f"{address}/items", ("POST", "PUT", "PATCH", "DELETE")),
    ):
        for method in methods:
            assert ask(server, method, target, data={}).refusal()[:2] == (405, "method-not-allowed")
    for target in ("/v1/jobs", address, f"{address}/items"):
        head = ask(server, "HEAD", target)
        assert (head.status, head.body) == (200, b"")
    assert ask(server, "GET", f"{address}/").status == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=-2", "after"),
        ("after=1.0", "after"),
        ("after=9999999999999999", "after"),
        ("after=" + "9" * 5000, "after"),
        ("after=%D9%A3", "after"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=-" + "9" * 5000, "limit"),
        ("limit=1_0", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=%205", "limit"),
        ("ok=maybe", "ok"),
        ("ok=False", "ok"),
        ("ok=0", "ok"),
    ],
)
def test_parameters_of_items(server, made, query, field):
    assert ask(server, "GET", f"{made[0]}/items?{query}").refusal() == (400, "bad-request", field)


@pytest.mark.parametrize(
    "query",
    ["", "after=", "after=-1&limit=1000", "after=1000000000", "ok=", "ok=true&ok=false", "unknown=1", "limit=01", "limit=" + "9" * 5000],
)
def test_parameters_of_items_that_are_fine(server, made, query):
    assert ask(server, "GET", f"{made[0]}/items?{query}").json == {"items": [], "more": False}


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(["done", "running", "anyone"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)
names = st.sampled_from(["title", "total", "unit", "id", "cancellable", "done", "note", "state", "result", "seq", "x"])
bodies = st.one_of(st.binary(max_size=30), st.dictionaries(names, values, max_size=6).map(lambda body: json.dumps(body).encode()))


@given(st.lists(st.tuples(st.booleans(), bodies), min_size=1, max_size=30))
@examples(40)
def test_whatever_comes(server, made, sent):
    """All over one connection, as a client would; a job that is made of it has a title, one that is changed a state."""
    link = Link(server.port)
    try:
        fresh = read_job(link)
        address, key = f"/v1/jobs/{fresh['id']}", {"Authorization": f"Bearer {fresh['key']}"}
        for is_new, body in sent:
            link.send(request("POST", "/v1/jobs", JSON, body) if is_new else request("PATCH", address, {**JSON, **key}, body))
            answer = read_answer(link)
            assert answer.status in (200, 201, 400, 409), (body, answer.body)
            if answer.status >= 400:
                assert answer.error
            elif answer.status == 200:
                assert answer.json["state"] in ("running", "done", "failed", "cancelled") and answer.json["done"] >= 0
    finally:
        link.close()


def read_job(link: Link) -> dict:
    link.send(request("POST", "/v1/jobs", data={"title": "Any"}))
    return read_answer(link).json


# limits


def test_a_user_makes_so_many_jobs_and_no_more(beside):
    server = beside(publish_per_s=0.5)  # a job every two seconds, five at once
    visitor, other = Visitor(server), Visitor(server)
    asked = {"title": "x", "id": secrets.token_urlsafe(16)}
    began_s = time.monotonic()
    first = visitor.ask("POST", "/v1/jobs", data=asked)
    count = 1
    while (refused := visitor.ask("POST", "/v1/jobs", data={"title": "x"})).status == 201:
        count += 1
    assert 5 <= count <= 5 + (time.monotonic() - began_s) / 2
    assert refused.refusal()[:2] == (429, "rate-limited") and 1 <= int(refused.header("retry-after")) <= 2
    assert other.ask("POST", "/v1/jobs", data={"title": "x"}).status == 201
    key = {"Authorization": f"Bearer {first.json['key']}"}
    for done in range(100):  # updates are merged, so they are not counted
        assert ask(server, "PATCH", f"/v1/jobs/{first.json['id']}", key, data={"done": done}).status == 200
    for _ in range(20):
        assert ask(server, "POST", "/v1/jobs", BACKEND, data={"title": "x"}).status == 201
    eventually(lambda: visitor.ask("POST", "/v1/jobs", data=asked).status == 201)
    assert len(visitor.ask("GET", "/v1/jobs").json["jobs"]) == count


def test_a_list_holds_the_newest_hundred(server, visitor):
    for number in range(103):
        assert visitor.ask("POST", "/v1/jobs", data={"title": f"Job {number}"}).status == 201
    listed = visitor.ask("GET", "/v1/jobs").json["jobs"]
    assert [job["title"] for job in listed] == [f"Job {number}" for number in range(102, 2, -1)]
