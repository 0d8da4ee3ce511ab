"""A vote's channel, over every wire: how it stands comes first, then each change, and never anybody's own ballot."""

import time

import pytest
from pymongo import MongoClient

from tests.handlers.talking import Visitor, database_uri, eventually

ASKED = {"question": "Tea or coffee?", "choices": ["Tea", "Coffee"]}


@pytest.fixture
def vote(visitor) -> str:
    return visitor.ask("POST", "/v1/votes", data=ASKED).json["id"]


def put(visitor, vote, *choices):
    answer = visitor.ask("PUT", f"/v1/votes/{vote}/ballot", data={"choices": list(choices)})
    assert answer.status == 200, answer.body
    return answer.json


def test_every_page_sees_the_vote_and_each_change(server, visitor, opened, kind, vote):
    before = put(visitor, vote, 0)
    wire = opened(kind, server, f"vote:{vote}")
    state = wire.kind("state")
    assert state["position"] == before["position"] and "mine" not in state["data"]
    assert {**state["data"], "position": state["position"], "mine": [0]} == before
    assert state["user"]["id"] == visitor.id
    wire.follow()
    after = put(Visitor(server), vote, 1)
    seen = wire.kind("state")
    assert (seen["data"]["tally"], seen["position"]) == ([1, 1], after["position"])
    assert seen["user"] == state["user"]  # who made it, and not who voted
    visitor.ask("POST", f"/v1/votes/{vote}/close", data={})
    assert wire.kind("state")["data"]["open"] is False
    wire.follow()
    assert wire.quiet()


def test_a_position_from_an_answer_goes_on_from_there(server, visitor, opened, kind, vote):
    position = put(visitor, vote, 1)["position"]
    wire = opened(kind, server, f"vote:{vote}@{position}")
    wire.follow()
    put(visitor, vote, 0)
    assert wire.kind("state")["data"]["tally"] == [1, 0]  # and not the one that it has


def test_the_end_at_its_time_is_told(server, visitor, opened, kind):
    closes = time.time_ns() // 1_000_000 + 700
    vote = visitor.ask("POST", "/v1/votes", data={**ASKED, "closes": closes}).json["id"]
    wire = opened(kind, server, f"vote:{vote}")
    assert wire.kind("state")["data"]["open"]
    wire.follow()
    state = wire.kind("state")
    assert (state["data"]["open"], state["data"]["closes"]) == (False, closes)
    assert 0 <= state["time"] - closes < 600


def test_there_is_no_other_vote(server, opened, kind, vote):
    wire = opened(kind, server, f"vote:{vote}", f"vote:{vote}x")
    error = wire.kind("error")
    assert (error["code"], error["channel"]) == ("not-found", f"vote:{vote}x")
    assert wire.kind("state")["channel"] == f"vote:{vote}"


def test_a_vote_whose_states_are_gone_from_the_log_is_shown_all_the_same(server, visitor, opened, kind):
    id = visitor.ask("POST", "/v1/votes", data=ASKED).json["id"]
    put(visitor, id, 1)
    with MongoClient(database_uri(server, server.database)) as client:
        log = client.get_database(server.database).log
        assert log.delete_many({"_id.c": f"vote:{id}"}).deleted_count == 2
        wire = opened(kind, server, f"vote:{id}")
        state = wire.kind("state")
        assert (state["offset"], state["data"]["tally"]) == (3, [0, 1])
        assert log.count_documents({"_id.c": f"vote:{id}"}) == 1
    wire.follow()
    assert put(visitor, id, 0)["position"] == wire.kind("state")["position"]


def test_a_vote_outlives_the_server(start_server, opened, kind):
    server = start_server(hold_s=2, heartbeat_s=1, poll_s=0.2)
    visitor = Visitor(server)
    id = visitor.ask("POST", "/v1/votes", data=ASKED).json["id"]
    before = put(visitor, id, 1)
    server.kill()
    server.start()
    assert visitor.ask("GET", f"/v1/votes/{id}").json == before
    wire = opened(kind, server, f"vote:{id}@{before['position']}")
    wire.follow()
    assert put(visitor, id, 0)["position"] == wire.kind("state")["position"]
    eventually(lambda: visitor.ask("GET", f"/v1/votes/{id}").json["tally"] == [1, 0])
