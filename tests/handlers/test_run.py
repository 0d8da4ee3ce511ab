"""POST and GET /v1/run/TASK: what is answered, as a stream and as one JSON, and what is refused (protocol, sections 8 and 9)."""

import json
import secrets
import threading

import pytest

from tests.handlers.runs import CSV, FORM, JSON, form, items, part, run_stream, stored, uploads
from tests.handlers.talking import ANY_TYPE, BACKEND, Visitor, eventually, nothing

ROWS = [{"name": "Ann", "age": "7"}, {"name": "Bob"}, {"name": "Cy", "age": "8"}]
TABLE = b"name,age\nAnn,7\nBob\nCy,8\n"


def new_id() -> str:
    return secrets.token_hex(12)


def test_a_stream_tells_the_job_each_row_and_the_end(server, visitor):
    events = run_stream(visitor, "/v1/run/import?stream=true", CSV, TABLE)
    job = events[0]["id"]
    assert set(events[0]) == {"type", "id", "channel", "key"}
    assert [(item["ok"], item.get("id"), item.get("error", {}).get("code")) for item in items(events)] == [
        (True, f"{job}-0", None),
        (False, None, "bad-record"),
        (True, f"{job}-2", None),
    ]
    assert set(items(events)[0]) == {"type", "index", "ok", "id"} and set(items(events)[1]) == {"type", "index", "ok", "error"}
    assert events[-1] == {"type": "end", "result": {"imported": 2, "refused": 1}}
    last = events[-2]["data"]
    assert (last["state"], last["done"], last["total"], last["items"], last["percent"]) == ("done", 3, 3, 3, 100.0)
    assert stored(server, job) == {0: {"name": "Ann", "age": "7"}, 2: {"name": "Cy", "age": "8"}}
    assert visitor.ask("GET", f"/v1/jobs/{job}").json["state"] == "done"
    assert visitor.ask("GET", f"/v1/jobs/{job}/items?ok=false").json["items"] == [items(events)[1]]
    assert visitor.ask("GET", f"/v1/jobs/{job}", {"Authorization": f"Bearer {events[0]['key']}"}).status == 200


def test_without_stream_there_is_one_answer(visitor):
    answer = visitor.ask("POST", "/v1/run/import", CSV, body=TABLE)
    assert answer.status == 200 and answer.header("content-type").startswith("application/json")
    assert list(answer.json) == ["job", "items", "result"]
    assert answer.json["result"] == {"imported": 2, "refused": 1} and answer.json["job"]["state"] == "done"
    assert [item["index"] for item in answer.json["items"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("headers", "body", "title"),
    [
        (CSV, TABLE, "Import"),
        ({"Content-Type": "Text/CSV; Charset=UTF-8; header=present"}, TABLE, "Import"),
        (JSON, json.dumps({"records": ROWS}).encode(), "Import"),
        (JSON, json.dumps(ROWS).encode(), "Import"),
        (FORM, form(part(TABLE)), "rows.csv"),
        (FORM, form(part(b"x", "other", None, ""), part(TABLE, filename="Zoë \u202e\x07.csv", headers="")), "Zoë .csv"),
        (FORM, form(part(TABLE, filename="x" * 300)), "x" * 200),
        (FORM, form(part(TABLE, filename="")), "Import"),
        (FORM, form(part(json.dumps(ROWS).encode(), filename="a.JSON", headers="")), "a.JSON"),
        (FORM, form(part(json.dumps(ROWS).encode(), filename="a", headers="content-type: application/json; charset=utf-8\r\n")), "a"),
    ],
)
def test_every_form_of_the_same_file(server, visitor, headers, body, title):
    answer = visitor.ask("POST", "/v1/run/import", headers, body=body).json
    id, is_table = answer["job"]["id"], headers == CSV or b"Ann,7" in body
    assert answer["job"]["title"] == title
    assert answer["result"] == {"imported": 2, "refused": 1} if is_table else {"imported": 3, "refused": 0}
    assert stored(server, id)[2] == {"name": "Cy", "age": "8"}
    eventually(lambda: uploads(server) == 0)


def test_names_that_mean_something_elsewhere_are_only_names(server, visitor):
    rows = [{"$where": 1, "a.b": 2, "_id": 3, "$ref": "x", "$id": "y", "$db": "z"}, {"__proto__": True, "d": None, "ü": 2**53 + 1}]
    answer = visitor.ask("POST", "/v1/run/import", data=rows).json
    assert answer["result"] == {"imported": 2, "refused": 0}
    for name, value in (("$where", 1), ("a.b", 2), ("_id", 3), ("$ref", "x"), ("__proto__", True), ("ü", 2**53 + 1)):
        report = visitor.ask("POST", "/v1/run/report", data={"by": name, "job": answer["job"]["id"]}).json
        assert {json.dumps(item["value"]): item["count"] for item in report["items"]} == {json.dumps(value): 1, "null": 1}


def test_a_task_that_fails_says_why(visitor):
    for body, code in (
        (b"a\n" * 100_002, "too-many-rows"),
        (b"a,a\n1,2\n", "bad-header"),
        (b"\xff\xfea\0", "bad-encoding"),
        (b" \n", "bad-header"),
    ):
        whole = visitor.ask("POST", "/v1/run/import", CSV, body=body)
        assert whole.status == 200 and list(whole.json) == ["job", "items", "error"]
        assert (whole.json["error"]["code"], whole.json["items"], whole.json["job"]["state"]) == (code, [], "failed")
        last = run_stream(visitor, "/v1/run/import?stream=true", CSV, body)[-1]
        assert (last["type"], last["code"]) == ("error", code) and last["message"] == whole.json["error"]["message"]


@pytest.mark.parametrize("value", ["", "false", "True", "1", "true%20", "yes&stream="])
def test_stream_is_true_or_not_there(visitor, value):
    for method, task in (("POST", "import"), ("POST", "report"), ("GET", "report")):
        body = {"headers": CSV, "body": TABLE} if method == "POST" else {}
        assert visitor.ask(method, f"/v1/run/{task}?by=x&stream={value}", **body).refusal() == (400, "bad-request", "stream")


@pytest.mark.parametrize(
    ("method", "target", "sent", "refusal"),
    [
        ("POST", "/v1/run/nothing", {"data": {}}, (404, "not-found", None)),
        ("GET", "/v1/run/nothing?stream=true", {}, (404, "not-found", None)),
        ("POST", "/v1/run/", {"data": {}}, (404, "not-found", None)),
        ("POST", "/v1/run/import/x", {"data": {}}, (404, "not-found", None)),
        ("GET", "/v1/run/import?stream=true", {}, (405, "method-not-allowed", None)),
        ("GET", "/v1/run/import", {"headers": {"Last-Event-ID": "x.1"}}, (405, "method-not-allowed", None)),
        ("PUT", "/v1/run/import", {"headers": CSV, "body": TABLE}, (405, "method-not-allowed", None)),
        ("DELETE", "/v1/run/report", {}, (405, "method-not-allowed", None)),
        ("POST", "/v1/run/import?id=" + "x" * 65, {"headers": CSV, "body": TABLE}, (400, "bad-request", "id")),
        ("POST", "/v1/run/import?id=", {"headers": CSV, "body": TABLE}, (400, "bad-request", "id")),
        ("POST", "/v1/run/report", {"data": []}, (400, "bad-json", None)),
        ("POST", "/v1/run/report", {"headers": JSON, "body": b"{"}, (400, "bad-json", None)),
        ("POST", "/v1/run/report", {"headers": JSON, "body": b"[" * 60_000}, (400, "bad-json", None)),
        ("POST", "/v1/run/report", {"headers": JSON, "body": b'{"by":"\xff"}'}, (400, "bad-json", None)),
        ("POST", "/v1/run/report", {"headers": CSV, "body": TABLE}, (415, "bad-media-type", None)),
        ("POST", "/v1/run/report", {"form": "by=x"}, (415, "bad-media-type", None)),
        ("POST", "/v1/run/report", {"headers": JSON, "body": b" " * 70_000}, (413, "too-large", None)),
        ("GET", "/v1/run/report?by=", {}, (400, "bad-request", "by")),
        ("GET", "/v1/run/report?by=x&of=" + "x" * 129, {}, (400, "bad-request", "of")),
        ("GET", "/v1/run/report?by=x&top=0", {}, (400, "bad-request", "top")),
        ("GET", "/v1/run/report?by=x&top=1001", {}, (400, "bad-request", "top")),
        ("GET", "/v1/run/report?by=x&top=%D9%A3", {}, (400, "bad-request", "top")),
        ("POST", "/v1/run/report", {"data": {"colour": "red"}}, (400, "bad-request", "colour")),
        ("POST", "/v1/run/report", {"data": {"by": 1}}, (400, "bad-request", "by")),
        ("POST", "/v1/run/report", {"data": {"by": "x", "top": True}}, (400, "bad-request", "top")),
        ("POST", "/v1/run/report", {"data": {"by": "x", "job": {"$gt": ""}}}, (400, "bad-request", "job")),
        ("GET", "/v1/run/report?by=%FF", {}, (400, "bad-request", None)),
    ],
)
def test_what_is_refused(visitor, method, target, sent, refusal):
    assert visitor.ask(method, target, **sent).refusal() == refusal


def test_a_page_of_items_holds_a_thousand_however_many_are_asked_for(visitor):
    job = visitor.ask("POST", "/v1/run/import", CSV, body=b"a\n" + b"1\n" * 1500).json["job"]["id"]
    for query, indexes, more in (
        ("limit=1001", range(1000), True),
        ("limit=999999999999999", range(1000), True),
        ("limit=5000&after=999", range(1000, 1500), False),
        ("limit=1000&after=499", range(500, 1500), False),
    ):
        page = visitor.ask("GET", f"/v1/jobs/{job}/items?{query}").json
        assert ([item["index"] for item in page["items"]], page["more"]) == (list(indexes), more), query


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("media_type", ANY_TYPE)
def test_nothing_is_an_empty_input_whatever_it_is_called(visitor, media_type, is_chunked):
    report = visitor.ask("POST", "/v1/run/report", **nothing(media_type, is_chunked=is_chunked))
    assert report.json["result"] == {"by": None, "of": None, "records": 0, "groups": 0}


@pytest.mark.parametrize("media_type", ANY_TYPE)
def test_who_imports_nothing_is_told_what_is_missing(visitor, media_type):
    assert visitor.ask("POST", "/v1/run/import", **nothing(media_type)).refusal() == (400, "bad-request", "file")


def test_a_report_counts_and_sums_what_was_imported(visitor):
    table = "city,price\nRome,1\nRome,2.5\nOslo,nan\nOslo,1e2\nOslo,Infinity\nRome,none\nBern,\n"
    job = visitor.ask("POST", "/v1/run/import", CSV, body=table.encode()).json["job"]["id"]
    by_stream = run_stream(visitor, "/v1/run/report?by=city&of=price&stream=true&_=1")
    found = [{name: item[name] for name in ("value", "count", "sum", "mean", "least", "greatest")} for item in items(by_stream)]
    assert found == [
        {"value": "Oslo", "count": 3, "sum": 100.0, "mean": 100.0, "least": 100.0, "greatest": 100.0},
        {"value": "Rome", "count": 3, "sum": 3.5, "mean": 1.75, "least": 1.0, "greatest": 2.5},
        {"value": "Bern", "count": 1, "sum": 0.0, "mean": None, "least": None, "greatest": None},
    ]
    assert by_stream[-1] == {"type": "end", "result": {"by": "city", "of": "price", "records": 7, "groups": 3}}
    whole = visitor.ask("POST", "/v1/run/report", data={"by": "city", "top": 1}).json
    assert [item["value"] for item in whole["items"]] == ["Oslo"] and "sum" not in whole["items"][0]
    assert whole["result"] == {"by": "city", "of": None, "records": 7, "groups": 1}

    stranger = Visitor(visitor.server)
    assert stranger.ask("GET", "/v1/run/report?by=city").json["result"]["records"] == 0
    assert stranger.ask("GET", f"/v1/run/report?by=city&job={job}").json["result"]["records"] == 7  # who knows the id may


# the same again


def test_the_same_file_under_the_same_id_is_one_job(server, visitor):
    target = f"/v1/run/import?stream=true&id={new_id()}"
    first = run_stream(visitor, target, CSV, TABLE)
    again = run_stream(visitor, target, CSV, TABLE)
    assert again[0] == first[0] and items(again) == items(first) and again[-1] == first[-1]
    whole = visitor.ask("POST", target.replace("stream=true&", ""), CSV, body=TABLE).json
    assert whole["job"]["id"] == first[0]["id"] and len(whole["items"]) == 3
    assert len(stored(server, first[0]["id"])) == 2
    for headers, body in ((CSV, TABLE + b"x,1\n"), (JSON, json.dumps(ROWS).encode()), (FORM, form(part(TABLE)))):
        assert visitor.ask("POST", target, headers, body=body).refusal() == (409, "id-reused", "id")
    both = f"/v1/run/import?id={new_id()}"
    assert visitor.ask("POST", both, CSV, body=b'["a"]').status == 200
    assert visitor.ask("POST", both, JSON, body=b'["a"]').refusal() == (409, "id-reused", "id")
    eventually(lambda: uploads(server) == 0)


def test_an_id_is_one_visitors_for_one_task(visitor):
    id = new_id()
    mine = visitor.ask("POST", f"/v1/run/import?id={id}", CSV, body=TABLE).json["job"]["id"]
    stranger = Visitor(visitor.server)
    assert stranger.ask("POST", f"/v1/run/import?id={id}", CSV, body=TABLE).json["job"]["id"] != mine
    assert visitor.ask("GET", f"/v1/run/report?by=age&id={id}").json["job"]["id"] != mine
    assert visitor.ask("GET", f"/v1/run/report?by=name&id={id}").refusal() == (409, "id-reused", "id")
    assert visitor.ask("POST", f"/v1/run/report?id={id}", data={"by": "age"}).status == 200
    assert mine in [job["id"] for job in visitor.ask("GET", "/v1/jobs").json["jobs"]]
    assert mine not in [job["id"] for job in stranger.ask("GET", "/v1/jobs").json["jobs"]]


def test_clicks_at_the_same_moment_are_one_job(server, visitor):
    target, found = f"/v1/run/import?id={new_id()}", []
    clicks = [threading.Thread(target=lambda: found.append(visitor.ask("POST", target, CSV, body=TABLE))) for _ in range(6)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert {answer.status for answer in found} == {200} and len({answer.json["job"]["id"] for answer in found}) == 1
    assert len(stored(server, found[0].json["job"]["id"])) == 2
    eventually(lambda: uploads(server) == 0)


def test_a_backend_may_run_tasks_too(visitor):
    assert visitor.ask("POST", "/v1/run/import", {**CSV, **BACKEND}, body=TABLE).json["result"]["imported"] == 2
    assert visitor.ask("POST", "/v1/run/import", {**CSV, "Authorization": "Bearer x"}, body=TABLE).refusal()[:2] == (401, "unauthorized")


def test_the_first_answer_makes_a_visitor_and_keeps_it(server):
    someone = Visitor.__new__(Visitor)
    someone.server, someone.headers = server, {}
    job = someone.ask("POST", "/v1/run/import", CSV, body=TABLE).json["job"]["id"]
    assert [one["id"] for one in someone.ask("GET", "/v1/jobs").json["jobs"]] == [job]


def test_a_report_without_a_field_counts_all(visitor):
    assert visitor.ask("POST", "/v1/run/import", data={"records": [{"a": 1}, {"a": 2}]}).status == 200
    for answer in (visitor.ask("POST", "/v1/run/report", data={}), visitor.ask("GET", "/v1/run/report?colour=ignored&wait=25")):
        assert [(item["value"], item["count"]) for item in answer.json["items"]] == [(None, 2)]
        assert answer.json["result"]["records"] == 2


def test_without_waiting_the_job_alone_is_answered(visitor):
    answer = visitor.ask("POST", "/v1/run/import?wait=0", data={"records": [{"a": 1}]})
    assert answer.status == 202 and answer.json["job"]["title"] == "Import" and "items" not in answer.json
