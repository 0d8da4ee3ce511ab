"""The table of who may do what, row by row."""

import pytest

from negotiation.authorize import authorize, authorize_ballot, authorize_close
from negotiation.identity import BACKEND, User
from protocol.codes import ProtocolError

ANN = User("u_ann", "Ann")
BEA = User("u_bea", "Bea")
CARA = User("42", "Cara", signed_in=True)
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


@pytest.mark.parametrize(
    ("user", "anybody", "signed_in"), [(ANN, ALLOWED, "forbidden"), (CARA, ALLOWED, ALLOWED), (BACKEND, "forbidden", "forbidden")]
)
def test_who_may_vote(user, anybody, signed_in):
    assert refused(authorize_ballot, user, "vote:x", None) == anybody
    assert refused(authorize_ballot, user, "vote:x", "signed-in") == signed_in


@pytest.mark.parametrize(("user", "answer"), [(ANN, ALLOWED), (BEA, "forbidden"), (CARA, "forbidden"), (BACKEND, ALLOWED)])
def test_who_may_close_a_vote(user, answer):
    assert refused(authorize_close, user, "vote:x", "u_ann") == answer


def refused(rule, user: User, channel: str, *more) -> str | None:
    try:
        rule(user, channel, *more)
    except ProtocolError as error:
        assert channel in error.message
        return error.code
    return ALLOWED


def refusal(user: User, action, channel: str) -> str | None:
    return refused(lambda user, channel: authorize(user, action, channel), user, channel)
