"""A server whose front can be looked into, and a connection to it."""

import pytest

from handlers import caller
from tests.handlers.inside import inside
from tests.handlers.talking import Link, Visitor, database_uri


@pytest.fixture(scope="module")
def here(server):
    with inside(database_uri(server, "front"), hold_s=2, heartbeat_s=1) as running:
        yield running


@pytest.fixture
def visitor(here):
    return Visitor(here)


@pytest.fixture
def link(here):
    link = Link(here.port)
    yield link
    link.close()


@pytest.fixture
def tornado_serves(monkeypatch):
    """How many connections were passed on to Tornado."""
    passed = []
    original = caller.Caller._pass_on

    def note(self):
        passed.append(self)
        original(self)

    monkeypatch.setattr(caller.Caller, "_pass_on", note)
    return passed
