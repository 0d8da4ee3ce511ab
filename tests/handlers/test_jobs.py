"""/v1/jobs over HTTP: what it takes, what it answers, who may, and every refusal."""

import secrets

import pytest

from tests.handlers.talking import ANY_TYPE, BACKEND, Answer, Visitor, ask, eventually, nothing

JSON = {"Content-Type": "application/json"}
STATE = {
    "id",
    "title",
    "state",
    "done",
    "total",
    "unit",
    "percent",
    "note",
    "rate",
    "eta",
    "started",
    "updated",
    "result",
    "cancellable",
    "items",
}


class Worker:
    """Has a job's key, and no cookie."""

    def __init__(self, server, made: Answer):
        assert made.status == 201, made.body
        self.server = server
        self.id = made.json["id"]
        self.address = f"/v1/jobs/{self.id}"
        self.key = {"Authorization": f"Bearer {made.json['key']}"}

    def patch(self, **fields) -> Answer:
        return ask(self.server, "PATCH", self.address, self.key, data=fields)

    def get(self) -> dict:
        answer = ask(self.server, "GET", self.address)
        assert answer.status == 200
        return answer.json


def make(visitor: Visitor, **fields) -> Worker:
    return Worker(visitor.server, visitor.ask("POST", "/v1/jobs", data={"title": "Import", **fields}))


def new_id() -> str:
    return secrets.token_urlsafe(16)


def offset(answer: dict) -> int:
    return int(answer["position"].partition("-")[2])


@pytest.fixture
def worker(visitor) -> Worker:
    return make(visitor, total=200, unit="rows")


@pytest.fixture
def stranger(server) -> Visitor:
    return Visitor(server)


# a job's life


def test_a_job_from_its_making_to_its_end(server, visitor):
    made = visitor.ask("POST", "/v1/jobs", data={"title": "Import", "total": 200, "unit": "rows"})
    assert made.status == 201 and set(made.json) == {"id", "channel", "key", "position"}
    assert made.json["channel"] == f"job:{made.json['id']}" and len(made.json["id"]) >= 22 and offset(made.json) == 1
    worker = Worker(server, made)
    state = worker.get()
    assert set(state) >= {*STATE, "position"}
    begun = {"state": "running", "done": 0, "total": 200, "unit": "rows", "percent": 0, "note": None, "rate": None, "eta": None}
    assert {name: state[name] for name in begun} == begun and state["cancellable"] is True and state["started"] == state["updated"]
    for fields, expected in (
        ({"done": 50}, {"done": 50, "percent": 25, "state": "running"}),
        ({"note": "reading"}, {"done": 50, "note": "reading"}),
        ({}, {"done": 50, "note": "reading", "state": "running"}),
        ({"done": 40}, {"done": 50, "percent": 25}),
        ({"done": 60, "total": 400}, {"done": 60, "total": 400, "percent": 15}),
        ({"done": 100.5}, {"done": 100.5, "percent": 25.1}),
        ({"total": None, "note": None}, {"total": None, "percent": None, "eta": None, "note": None}),
        ({"state": "running", "unknown": 1}, {"state": "running"}),
        ({"state": "done", "result": {"rows": 7}}, {"state": "done", "percent": 100, "result": {"rows": 7}, "done": 100.5}),
    ):
        answer = worker.patch(**fields)
        assert answer.status == 200 and set(answer.json) == set(state)
        assert {name: answer.json[name] for name in expected} == expected, fields
        assert offset(answer.json) >= offset(state)
        state = answer.json
    eventually(lambda: {**worker.get(), "position": 0} == {**state, "position": 0})


def test_the_end_is_the_end(worker):
    end = {"state": "done", "result": [1], "done": 200}
    assert worker.patch(**end).json["percent"] == 100
    for fields in (end, {}, {"state": "done"}, {"done": 200}, {"total": 200, "note": None}):
        assert worker.patch(**fields).json["state"] == "done", fields
    late = ({"done": 201}, {"done": 5}, {"note": "late"}, {"total": 201}, {"total": None}, {"result": [2]}, {**end, "note": "late"})
    for fields in (*late, *({"state": state} for state in ("running", "failed", "cancelled"))):
        assert worker.patch(**fields).refusal()[:2] == (409, "job-ended"), fields
    state = worker.get()
    assert (state["state"], state["done"], state["result"], state["note"]) == ("done", 200, [1], None)


def test_a_failure_says_why(worker):
    state = worker.patch(state="failed", note="no more disk", done=10).json
    assert (state["state"], state["note"], state["percent"], state["eta"]) == ("failed", "no more disk", 5, None)


def test_numbered_updates_come_in_any_order(worker):
    for seq in (3, 1, 2, 3):
        assert worker.patch(note=f"n{seq}", seq=seq).json["note"] == "n3"
    assert worker.patch(state="failed", seq=2).json["state"] == "running"
    assert worker.patch(note="n4", seq=4).json["note"] == "n4"


def test_a_script_without_cookies_is_a_visitor(server, stranger):
    worker = Worker(server, ask(server, "POST", "/v1/jobs", data={"title": "Script"}))
    assert worker.patch(done=3).json["done"] == 3
    assert stranger.ask("GET", "/v1/jobs").json == {"jobs": []}


def test_a_backend_has_jobs_of_its_own(server, visitor):
    worker = Worker(server, ask(server, "POST", "/v1/jobs", BACKEND, data={"title": "Backend"}))
    listed = ask(server, "GET", "/v1/jobs", BACKEND).json["jobs"]
    assert worker.id in [job["id"] for job in listed]
    assert visitor.ask("GET", "/v1/jobs").json == {"jobs": []}
    assert ask(server, "PATCH", worker.address, BACKEND, data={"done": 1}).refusal()[:2] == (403, "forbidden")
    assert ask(server, "POST", f"{worker.address}/cancel", BACKEND, data={}).json["state"] == "cancelled"


# a second click


def test_a_second_click_starts_no_second_job(server, visitor, stranger):
    asked = {"title": "Import", "total": 7, "id": new_id()}
    first, *others = [visitor.ask("POST", "/v1/jobs", data=asked) for _ in range(3)]
    assert all((other.status, other.json["id"], other.json["key"]) == (201, first.json["id"], first.json["key"]) for other in others)
    assert len(visitor.ask("GET", "/v1/jobs").json["jobs"]) == 1
    worker = Worker(server, first)
    worker.patch(done=7, state="done")
    again = visitor.ask("POST", "/v1/jobs", data=asked)
    assert (again.status, again.json["key"]) == (201, first.json["key"]) and worker.get()["state"] == "done"
    assert visitor.ask("POST", "/v1/jobs", data={**asked, "title": "Export"}).refusal() == (409, "id-reused", "id")
    his = stranger.ask("POST", "/v1/jobs", data=asked)  # who would guess the id gets a job of his own
    assert his.status == 201 and his.json["id"] != first.json["id"] and his.json["key"] != first.json["key"]


def test_without_an_id_each_is_a_job(visitor):
    assert make(visitor).id != make(visitor).id
    assert len(visitor.ask("GET", "/v1/jobs").json["jobs"]) == 2


# who may


def test_each_visitor_lists_his_own_newest_first(visitor, stranger):
    mine = [make(visitor, title=f"Job {number}").id for number in range(3)]
    his = make(stranger).id
    listed = visitor.ask("GET", "/v1/jobs").json["jobs"]
    assert [job["id"] for job in listed] == mine[::-1]
    assert all(set(job) >= {*STATE, "position"} and "key" not in job for job in listed)
    assert [job["id"] for job in stranger.ask("GET", "/v1/jobs").json["jobs"]] == [his]


def test_who_knows_the_id_may_read(worker, stranger):
    worker.patch(done=20)
    assert stranger.ask("GET", worker.address).json["done"] == 20
    assert stranger.ask("GET", f"{worker.address}/items").json == {"items": [], "more": False}


def test_only_the_key_updates_not_even_the_creator(server, visitor, worker):
    other = make(visitor)
    for who in (visitor.headers, {}, {"Authorization": "Basic eDp5"}):
        answer = ask(server, "PATCH", worker.address, who, data={"done": 1})
        assert answer.refusal()[:2] == (401, "unauthorized") and answer.header("www-authenticate") == "Bearer"
    for key in (
        other.key,
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer \xff\xfe"},
        {"Authorization": "Bearer "},
        BACKEND,
    ):
        assert ask(server, "PATCH", worker.address, {**visitor.headers, **key}, data={"done": 1}).refusal()[:2] == (403, "forbidden")
    assert worker.get()["done"] == 0


def test_a_wrong_bearer_makes_and_lists_nothing(server, visitor, worker):
    for key in ({"Authorization": "Bearer nonsense"}, worker.key):
        assert visitor.ask("POST", "/v1/jobs", key, data={"title": "x"}).refusal()[:2] == (401, "unauthorized")
        assert visitor.ask("GET", "/v1/jobs", key).refusal()[:2] == (401, "unauthorized")


@pytest.mark.parametrize(
    ("cancellable", "by", "status"),
    [
        (True, "creator", 200),
        (True, "key", 200),
        (True, "stranger", 403),
        (False, "creator", 403),
        (False, "key", 200),
        (False, "stranger", 403),
        ("anyone", "creator", 200),
        ("anyone", "key", 200),
        ("anyone", "stranger", 200),
    ],
)
def test_who_may_cancel(server, visitor, stranger, cancellable, by, status):
    worker = make(visitor, cancellable=cancellable)
    assert worker.get()["cancellable"] == cancellable
    headers = {"creator": visitor.headers, "key": worker.key, "stranger": stranger.headers}[by]
    answer = ask(server, "POST", f"{worker.address}/cancel", headers, data={})
    assert answer.status == status
    assert worker.get()["state"] == ("cancelled" if status == 200 else "running")
    if status == 403:
        assert answer.refusal()[:2] == (403, "forbidden")


def test_the_worker_learns_of_a_cancel(visitor, worker):
    worker.patch(done=10)
    assert visitor.ask("POST", f"{worker.address}/cancel", data={}).json["done"] == 10
    for fields in ({"done": 20}, {}, {"note": "n", "total": 3}, {"state": "running"}, {"state": "cancelled", "note": "as you like"}):
        state = worker.patch(**fields).json
        assert (state["state"], state["done"], state["note"], state["total"]) == ("cancelled", 10, None, 200)
    for end in ("done", "failed"):
        assert worker.patch(state=end).refusal()[:2] == (409, "job-ended")
    assert visitor.ask("POST", f"{worker.address}/cancel", data={}).json["state"] == "cancelled"


@pytest.mark.parametrize("end", ["done", "failed"])
def test_what_has_ended_is_not_cancelled(visitor, worker, end):
    worker.patch(state=end)
    assert visitor.ask("POST", f"{worker.address}/cancel", data={}).refusal()[:2] == (409, "job-ended")
    assert worker.get()["state"] == end


def test_a_form_of_another_site_cancels_nothing(server, visitor, worker):
    cancel = f"{worker.address}/cancel"
    assert visitor.ask("POST", cancel, form="a=b").refusal()[:2] == (415, "bad-media-type")
    assert visitor.ask("POST", cancel, {"Origin": "https://evil.test"}, form="").refusal()[:2] == (403, "bad-origin")
    assert visitor.ask("POST", cancel, {"Content-Type": "text/plain"}, body=b"{}").refusal()[:2] == (415, "bad-media-type")
    assert visitor.ask("POST", cancel, {"Origin": "https://evil.test"}, data={}).refusal()[:2] == (403, "bad-origin")
    for body in (b"x", b"[]", b"null", b'"a"'):
        assert visitor.ask("POST", cancel, JSON, body=body).status == 400
    assert worker.get()["state"] == "running"


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("media_type", ANY_TYPE)
def test_a_cancel_needs_no_body_whatever_that_is_called(visitor, worker, media_type, is_chunked):
    sent = nothing(media_type, is_chunked=is_chunked)
    assert visitor.ask("POST", f"{worker.address}/cancel", **sent).json["state"] == "cancelled"
    assert visitor.ask("PATCH", worker.address, {**sent["headers"], **worker.key}, body=sent["body"]).status in (400, 415)
