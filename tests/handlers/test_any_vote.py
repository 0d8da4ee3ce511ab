"""Whatever is sent to a vote's addresses: an answer of the protocol, and the vote still counts right."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.handlers.talking import Visitor
from tests.running import Server

EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
JSON = {"Content-Type": "application/json"}

texts = st.text(max_size=20) | st.sampled_from(["", " ", "$set", "a.b", "\x00", "\u2028", "\U0001f600", "signed-in"])
numbers = st.integers(-3, 25) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
fields = {
    "question": texts | values,
    "choices": st.lists(texts, min_size=2, max_size=6) | st.lists(st.integers(0, 3), max_size=4) | values,
    "multiple": st.booleans() | values,
    "closes": values,
    "voters": texts | values,
    "id": texts | values,
}
bodies = st.binary(max_size=60) | (st.fixed_dictionaries({}, optional=fields) | values).map(lambda value: json.dumps(value).encode())


@pytest.fixture(scope="module")
def voter(server: Server) -> Visitor:
    return Visitor(server)


@pytest.fixture(scope="module")
def vote(voter: Visitor) -> str:
    answer = voter.ask("POST", "/v1/votes", data={"question": "?", "choices": ["a", "b", "c"], "multiple": True})
    return f"/v1/votes/{answer.json['id']}"


@EXAMPLES
@given(body=bodies)
def test_every_body_of_a_vote_is_answered(voter, body):
    answer = voter.ask("POST", "/v1/votes", JSON, body=body)
    assert answer.status in (201, 400, 409), answer.body
    if answer.status == 201:
        made = voter.ask("GET", f"/v1/votes/{answer.json['id']}").json
        asked = json.loads(body)
        assert (made["question"], made["choices"]) == (asked["question"], asked["choices"])
    else:
        assert answer.error


@EXAMPLES
@given(body=bodies)
def test_every_ballot_is_answered_and_counted_right(voter, vote, body):
    before = voter.ask("GET", vote).json
    answer = voter.ask("PUT", f"{vote}/ballot", JSON, body=body)
    after = voter.ask("GET", vote).json
    if answer.status == 200:
        assert answer.json == after and after["mine"] == sorted(json.loads(body)["choices"])
        assert after["tally"] == [int(choice in after["mine"]) for choice in range(3)]
        assert after["voters"] == int(bool(after["mine"]))
    else:
        assert answer.status == 400 and answer.error
        assert after == before


@EXAMPLES
@given(id=st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="#?/ \x7f\x85\xa0"), min_size=1, max_size=40))
def test_every_address_is_answered(voter, id):
    for method, path in (("GET", ""), ("POST", "/close"), ("PUT", "/ballot")):
        answer = voter.ask(method, f"/v1/votes/{id}{path}", JSON, body=b'{"choices":[]}' if path else None)
        assert answer.refusal()[0] in (400, 404), answer.body
