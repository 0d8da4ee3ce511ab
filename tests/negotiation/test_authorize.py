"""The table of who may do what, row by row."""

import pytest

from negotiation.authorize import authorize
from negotiation.identity import BACKEND, User
from protocol.codes import ProtocolError

ANN = User("u_ann", "Ann")
BEA = User("u_bea", "Bea")
ALLOWED = None


@pytest.mark.parametrize(
    ("channel", "user", "read", "write"),
    [
        ("chat:lobby", ANN, ALLOWED, ALLOWED),
        ("chat:lobby", BACKEND, ALLOWED, ALLOWED),
        ("user:u_ann", ANN, ALLOWED, "forbidden"),
        ("user:u_ann", BEA, "forbidden", "forbidden"),
        ("user:u_ann", BACKEND, ALLOWED, ALLOWED),
        ("user:u_an", ANN, "forbidden", "forbidden"),
        ("room:board", ANN, "forbidden", "forbidden"),
        ("room:board", BACKEND, ALLOWED, ALLOWED),
        ("prices:eur", ANN, ALLOWED, "forbidden"),
        ("prices:eur", BACKEND, ALLOWED, ALLOWED),
        ("chats:lobby", ANN, ALLOWED, "forbidden"),
        ("job:unknown", ANN, ALLOWED, "forbidden"),
        ("job:unknown", BACKEND, ALLOWED, "forbidden"),
        ("vote:unknown", ANN, ALLOWED, "forbidden"),
        ("vote:unknown", BACKEND, ALLOWED, "forbidden"),
    ],
)
def test_who_may(channel, user, read, write):
    assert refusal(user, "read", channel) == read
    assert refusal(user, "write", channel) == write


def refusal(user: User, action, channel: str) -> str | None:
    try:
        authorize(user, action, channel)
    except ProtocolError as error:
        assert channel in error.message
        return error.code
    return ALLOWED
