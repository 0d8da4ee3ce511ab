"""What a client is offered, and the tables behind it."""

import json
import re

import pytest

from negotiation.identity import User
from negotiation.offer import MAX_CHANNELS, offer
from negotiation.transports import TRANSPORTS
from protocol.values import MAX_DATA_BYTES

ANN = User("u_ann", "Ann", backend=True)


def offered(*transports: str) -> dict:
    return offer(ANN, "n_1", transports, heartbeat_s=15.0, hold_s=25.0, poll_s=0.1, now_ms=1795000000123)


def test_the_answer_of_negotiate():
    assert offered(*TRANSPORTS) == {
        "protocol": 1,
        "transports": [
            {"name": "websocket", "url": "v1/websocket"},
            {"name": "sse", "url": "v1/sse"},
            {"name": "long-poll", "url": "v1/long-poll"},
            {"name": "short-poll", "url": "v1/short-poll"},
        ],
        "publish": "v1/publish",
        "heartbeat": 15000,
        "hold": 25000,
        "poll": 100,
        "limits": {"message": MAX_DATA_BYTES, "channels": MAX_CHANNELS},
        "network": "n_1",
        "user": {"id": "u_ann", "name": "Ann"},
        "time": 1795000000123,
    }


def test_the_operator_s_choice_and_order():
    assert [transport["name"] for transport in offered("short-poll", "sse")["transports"]] == ["short-poll", "sse"]
    with pytest.raises(KeyError):
        offered("carrier-pigeon")


def test_it_is_json_and_every_url_is_relative():
    answer = json.loads(json.dumps(offered(*TRANSPORTS)))
    for url in (answer["publish"], *(transport["url"] for transport in answer["transports"])):
        assert re.fullmatch(r"v1/[a-z-]+", url)


def test_the_names_of_the_contract_in_its_order():
    assert list(TRANSPORTS) == ["websocket", "sse", "long-poll", "short-poll"]
    for name, transport in TRANSPORTS.items():
        assert transport.path == f"v1/{name}"
        assert transport.needs in ("WebSocket", "EventSource", "XMLHttpRequest")
