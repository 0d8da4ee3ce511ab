"""Keys are what the operator says; one that can be guessed is warned of."""

import pytest

from tests.handlers.talking import Visitor, ask


def warnings(server) -> list[str]:
    return [line for line in server.output if " WARNING " in line and "can be guessed" in line]


@pytest.mark.parametrize("key", ["k", "fifteen-letters"])
def test_a_short_key_works_and_is_warned_of_once(start_server, key):
    server = start_server(api_key=key, secret=key)
    assert ["ANYWIRE_API_KEY, ANYWIRE_SECRET" in line for line in warnings(server)] == [True]
    message = {"channel": "room:a", "data": 1}
    assert ask(server, "POST", "/v1/publish", {"Authorization": f"Bearer {key}"}, data=message).status == 200
    assert ask(server, "POST", "/v1/publish", {"Authorization": f"Bearer {key}x"}, data=message).status == 401
    visitor = Visitor(server)
    assert visitor.ask("GET", "/v1/negotiate").json["user"]["id"] == visitor.id
    server.stop()
    server.start()
    assert visitor.ask("GET", "/v1/negotiate").json["user"]["id"] == visitor.id


def test_no_key_and_a_long_one_are_not_warned_of(start_server):
    for settings in ({"api_key": "", "secret": ""}, {"api_key": "sixteen-letters-", "secret": "x" * 16}):
        server = start_server(**settings)
        assert warnings(server) == []
        assert ask(server, "POST", "/v1/publish", {"Authorization": "Bearer "}, data={"channel": "room:a", "data": 1}).status == 401
