"""/v1/votes over HTTP: what it takes, what it answers, and every refusal."""

import json
import secrets
import time

import pytest

from tests.handlers.talking import ANY_TYPE, BACKEND, Visitor, ask, eventually, nothing

ASKED = {"question": "Tea or coffee?", "choices": ["Tea", "Coffee", "Neither"]}
JSON = {"Content-Type": "application/json"}
HOUR_MS = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def make(visitor, **fields) -> str:
    """The vote's address."""
    answer = visitor.ask("POST", "/v1/votes", data={**ASKED, **fields})
    assert answer.status == 201, answer.body
    return f"/v1/votes/{answer.json['id']}"


def put(visitor, vote, *choices):
    return visitor.ask("PUT", f"{vote}/ballot", data={"choices": list(choices)})


def offset(answer) -> int:
    return int(answer.json["position"].partition("-")[2])


@pytest.fixture
def vote(visitor) -> str:
    return make(visitor)


@pytest.fixture
def stranger(server) -> Visitor:
    return Visitor(server)


def test_a_vote_from_its_making_to_its_end(visitor, stranger):
    made = visitor.ask("POST", "/v1/votes", data=ASKED)
    assert made.status == 201 and set(made.json) == {"id", "channel", "position"}
    assert made.json["channel"] == f"vote:{made.json['id']}" and offset(made) == 1
    vote = f"/v1/votes/{made.json['id']}"
    state = {"id": made.json["id"], **ASKED, "multiple": False, "open": True, "closes": None, "signed_in": False}
    for step, expected, mine in (
        (stranger.ask("GET", vote), {"tally": [0, 0, 0], "voters": 0}, []),
        (put(visitor, vote, 0), {"tally": [1, 0, 0], "voters": 1}, [0]),
        (put(stranger, vote, 1), {"tally": [1, 1, 0], "voters": 2}, [1]),
        (put(stranger, vote, 0), {"tally": [2, 0, 0], "voters": 2}, [0]),
        (put(visitor, vote), {"tally": [1, 0, 0], "voters": 1}, []),
        (stranger.ask("GET", vote), {"tally": [1, 0, 0], "voters": 1}, [0]),
        (visitor.ask("GET", vote), {"tally": [1, 0, 0], "voters": 1}, []),
    ):
        assert step.status == 200
        assert step.json == {**state, **expected, "position": step.json["position"], "mine": mine}
    assert offset(stranger.ask("GET", vote)) == 5
    assert stranger.ask("POST", f"{vote}/close", data={}).refusal()[:2] == (403, "forbidden")
    closed = visitor.ask("POST", f"{vote}/close", data={})
    assert (closed.status, closed.json["open"], offset(closed)) == (200, False, 6)
    for choices in ([0], [1], []):
        assert put(stranger, vote, *choices).refusal()[:2] == (409, "vote-closed")
    seen = stranger.ask("GET", vote)
    assert (seen.json["open"], seen.json["tally"], seen.json["mine"], offset(seen)) == (False, [1, 0, 0], [0], 6)
    assert visitor.ask("HEAD", vote).status == 200


@pytest.mark.parametrize("sent", [{"data": {}}, {"data": {"why": "enough"}}, {}], ids=["empty", "more", "none"])
def test_closing_again_is_no_error_and_the_api_key_may(server, visitor, vote, sent):
    for closed in (ask(server, "POST", f"{vote}/close", BACKEND, **sent), visitor.ask("POST", f"{vote}/close", **sent)):
        assert (closed.status, closed.json["open"], closed.json["mine"], offset(closed)) == (200, False, [], 2)


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("media_type", ANY_TYPE)
def test_a_close_needs_no_body_whatever_that_is_called(visitor, vote, media_type, is_chunked):
    assert visitor.ask("POST", f"{vote}/close", **nothing(media_type, is_chunked=is_chunked)).json["open"] is False
    assert visitor.ask("POST", f"{vote}/close", form="a=b").refusal()[:2] == (415, "bad-media-type")


def test_several_choices_where_that_is_asked(visitor):
    vote = make(visitor, multiple=True)
    assert put(visitor, vote, 2, 0).json["mine"] == [0, 2]
    assert put(visitor, vote, 1, 2).json["tally"] == [0, 1, 1]


def test_the_same_id_makes_one_vote_of_a_user(visitor, stranger):
    id = secrets.token_urlsafe(16)
    first = visitor.ask("POST", "/v1/votes", data={**ASKED, "id": id})
    again = visitor.ask("POST", "/v1/votes", data={**ASKED, "id": id})
    assert first.status == again.status == 201 and first.json == again.json
    put(visitor, f"/v1/votes/{first.json['id']}", 0)
    assert offset(visitor.ask("POST", "/v1/votes", data={**ASKED, "id": id})) == 2
    other = visitor.ask("POST", "/v1/votes", data={**ASKED, "multiple": True, "id": id})
    assert other.refusal() == (409, "id-reused", "id")
    assert stranger.ask("POST", "/v1/votes", data={**ASKED, "id": id}).json["id"] != first.json["id"]
    assert id not in first.json["id"] and len({make(visitor) for _ in range(3)}) == 3


def test_it_closes_by_itself_and_what_comes_later_is_late(visitor):
    closes = now_ms() + 800
    vote = make(visitor, closes=closes)
    assert put(visitor, vote, 0).json["closes"] == closes
    while now_ms() <= closes:
        time.sleep(0.005)
    assert put(visitor, vote, 1).refusal()[:2] == (409, "vote-closed")
    seen = eventually(lambda: (answer := visitor.ask("GET", vote)) and offset(answer) == 3 and answer)
    assert (seen.json["open"], seen.json["tally"]) == (False, [1, 0, 0])


def test_a_past_vote_made_again_is_still_found(visitor):
    body = {**ASKED, "id": secrets.token_urlsafe(16), "closes": now_ms() + 300}
    first = visitor.ask("POST", "/v1/votes", data=body)
    while now_ms() <= body["closes"]:
        time.sleep(0.005)
    assert visitor.ask("POST", "/v1/votes", data=body).json["id"] == first.json["id"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"question": None}, "question"),
        ({"question": ...}, "question"),
        ({"question": ""}, "question"),
        ({"question": "x" * 501}, "question"),
        ({"question": {"$ne": 1}}, "question"),
        ({"choices": ...}, "choices"),
        ({"choices": "ab"}, "choices"),
        ({"choices": ["a"]}, "choices"),
        ({"choices": ["a"] * 21}, "choices"),
        ({"choices": ["a", "a"]}, "choices"),
        ({"choices": ["a", " "]}, "choices"),
        ({"choices": ["a", "x" * 201]}, "choices"),
        ({"choices": ["a", 1]}, "choices[1]"),
        ({"multiple": "yes"}, "multiple"),
        ({"multiple": None}, "multiple"),
        ({"closes": 0}, "closes"),
        ({"closes": -1}, "closes"),
        ({"closes": "tomorrow"}, "closes"),
        ({"closes": True}, "closes"),
        ({"closes": 1.5}, "closes"),
        ({"closes": 2**63}, "closes"),
        ({"closes": 2**70}, "closes"),
        ({"voters": "anyone"}, "voters"),
        ({"voters": ["signed-in"]}, "voters"),
        ({"id": ""}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"id": 1}, "id"),
    ],
)
def test_what_can_not_be_asked(visitor, fields, field):
    body = {name: value for name, value in {**ASKED, **fields}.items() if value is not ...}
    assert visitor.ask("POST", "/v1/votes", data=body).refusal() == (400, "bad-request", field)


def test_it_closes_within_a_year(visitor):
    year_ms = 366 * 24 * HOUR_MS
    make(visitor, closes=now_ms() + year_ms - HOUR_MS)
    answer = visitor.ask("POST", "/v1/votes", data={**ASKED, "closes": now_ms() + year_ms + HOUR_MS})
    assert answer.refusal() == (400, "bad-request", "closes")


@pytest.mark.parametrize(
    ("ballot", "field"),
    [
        ({}, "choices"),
        ({"choices": None}, "choices"),
        ({"choices": 0}, "choices"),
        ({"choices": [3]}, "choices"),
        ({"choices": [-1]}, "choices"),
        ({"choices": [2**80]}, "choices"),
        ({"choices": [0, 1]}, "choices"),
        ({"choices": [0, 0]}, "choices"),
        ({"choices": list(range(1000))}, "choices"),
        ({"choices": ["0"]}, "choices[0]"),
        ({"choices": [True]}, "choices[0]"),
        ({"choices": [0.5]}, "choices[0]"),
        ({"choices": {"$inc": 1}}, "choices"),
        ([0], None),
        (0, None),
    ],
)
def test_what_no_ballot_can_be(visitor, vote, ballot, field):
    assert visitor.ask("PUT", f"{vote}/ballot", data=ballot).refusal() == (400, "bad-request", field)
    assert offset(visitor.ask("GET", vote)) == 1


def test_a_choice_named_twice(visitor):
    assert put(visitor, make(visitor, multiple=True), 1, 1).refusal() == (400, "bad-request", "choices")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "", ASKED), ("PUT", "/ballot", {"choices": [0]}), ("POST", "/close", {})],
    ids=["make", "ballot", "close"],
)
def test_every_body_is_json_and_bounded(server, visitor, vote, method, path, body):
    target = vote + path if path else "/v1/votes"
    sent = json.dumps(body).encode()
    assert visitor.ask(method, target, body=b"{").refusal()[:2] == (415, "bad-media-type")
    assert visitor.ask(method, target, {"Content-Type": "text/plain"}, body=sent).refusal()[:2] == (415, "bad-media-type")
    assert visitor.ask(method, target, form="choices=0").refusal()[:2] == (415, "bad-media-type")
    for bad in (*([] if path == "/close" else [b""]), b"{", b"\xff", b'{"question":"\\ud800"}', b"[" * 10_000):
        assert visitor.ask(method, target, JSON, body=bad).refusal()[:2] in ((400, "bad-json"), (400, "bad-request")), bad
    assert visitor.ask(method, target, JSON, body=sent + b" " * 65536).refusal()[:2] == (413, "too-large")
    assert visitor.ask(method, target, {"Origin": "https://evil.example"}, data=body).refusal()[:2] == (403, "bad-origin")
    assert visitor.ask(method, target, {"Authorization": "Bearer x"}, data=body).refusal()[:2] == (401, "unauthorized")


def test_the_largest_vote_however_it_is_written(visitor):
    choices = [f"\U0001f600{number:0199}" for number in range(10)] + ["\x01" * 199 + chr(256 + number) for number in range(10)]
    answer = visitor.ask("POST", "/v1/votes", data={"question": "\x01" * 499 + "?", "choices": choices})
    assert answer.status == 201
    assert visitor.ask("GET", f"/v1/votes/{answer.json['id']}").json["choices"] == choices


@pytest.mark.parametrize("id", ["x", "A" * 22, "$ne", "%00", "%24where", "a.b", "x" * 5000, "é".encode().decode("latin1")])
def test_there_is_no_other_vote(visitor, id):
    for method, path, body in (("GET", "", {}), ("PUT", "/ballot", {"data": {"choices": [0]}}), ("POST", "/close", {"data": {}})):
        assert visitor.ask(method, f"/v1/votes/{id}{path}", **body).refusal()[:2] in ((404, "not-found"), (400, "bad-request"))


def test_an_id_that_is_no_text(visitor):
    assert visitor.ask("GET", "/v1/votes/%FF").refusal()[:2] == (400, "bad-request")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/votes"), ("PUT", "/v1/votes"), ("POST", "VOTE"), ("DELETE", "VOTE"), ("GET", "VOTE/ballot"), ("GET", "VOTE/close")],
)
def test_other_methods(visitor, vote, method, path):
    assert visitor.ask(method, path.replace("VOTE", vote)).refusal()[:2] == (405, "method-not-allowed")


def test_the_api_key_makes_votes_and_has_no_ballot(server, visitor):
    made = ask(server, "POST", "/v1/votes", BACKEND, data=ASKED)
    vote = f"/v1/votes/{made.json['id']}"
    assert ask(server, "PUT", f"{vote}/ballot", BACKEND, data={"choices": [0]}).refusal()[:2] == (403, "forbidden")
    assert ask(server, "GET", vote, BACKEND).json["mine"] == []
    assert visitor.ask("POST", f"{vote}/close", data={}).refusal()[:2] == (403, "forbidden")
    assert put(visitor, vote, 0).json["voters"] == 1
    assert ask(server, "POST", f"{vote}/close", BACKEND, data={}).json["tally"] == [1, 0, 0]


def test_free_identities_stuff_no_vote_of_signed_in_users(server, visitor):
    vote = make(visitor, voters="signed-in")
    assert visitor.ask("GET", vote).json["signed_in"] is True
    for voter in (visitor, *(Visitor(server) for _ in range(3))):
        for choices in ([0], []):
            assert put(voter, vote, *choices).refusal()[:2] == (403, "forbidden")
    seen = visitor.ask("GET", vote)
    assert (seen.json["voters"], offset(seen)) == (0, 1)


def test_votes_and_ballots_of_a_user_are_limited(beside):
    server = beside(publish_per_s=2)
    visitor, other = Visitor(server), Visitor(server)
    made = [visitor.ask("POST", "/v1/votes", data=ASKED) for _ in range(30)]
    refused = [answer for answer in made if answer.status != 201]
    assert len(refused) >= 3 and {answer.refusal()[:2] for answer in refused} == {(429, "rate-limited")}
    assert other.ask("POST", "/v1/votes", data=ASKED).status == 201
    vote = f"/v1/votes/{made[0].json['id']}"
    ballots = [put(visitor, vote, number % 3) for number in range(30)]
    assert 20 <= sum(answer.status == 200 for answer in ballots) < 30
    assert {answer.refusal()[:2] for answer in ballots if answer.status != 200} == {(429, "rate-limited")}
    assert put(other, vote, 0).status == 200
    assert {ask(server, "POST", "/v1/votes", BACKEND, data=ASKED).status for _ in range(12)} == {201}


def test_it_is_written_by_nothing_else(visitor, vote):
    channel = "vote:" + vote.rpartition("/")[2]
    for more in ({}, {"state": True}, {"signal": True}):
        for headers in ({}, BACKEND):
            answer = visitor.ask("POST", "/v1/publish", headers, data={"channel": channel, "data": 1, **more})
            assert answer.refusal()[:2] == (403, "forbidden")
    assert visitor.ask("GET", f"/v1/history?channel={channel}").refusal()[:2] == (404, "not-found")
