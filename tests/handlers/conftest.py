"""A channel of the test's own, a visitor, and wires that are closed behind it."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.handlers.four_wires import WIRES, Wire
from tests.handlers.talking import Visitor, database_uri
from tests.running import Server


@pytest.fixture(scope="module")
def beside(server: Server) -> Iterator[Callable[..., Server]]:
    """Starts servers with settings of the test's own, each with a database of its own in the mongod of `server`: that takes two
    seconds less than one that brings its own."""
    started: list[Server] = []

    def start(**settings: object) -> Server:
        started.append(Server(mongodb_uri=database_uri(server, secrets.token_hex(4)), **_tls(server), **settings))
        return started[-1].start()

    yield start
    for running in started:
        running.close()
    assert [line for running in started for line in running.tracebacks()] == []


def _tls(server: Server) -> dict[str, object]:
    """The settings by which another one speaks as *server* does."""
    return {name: value for name, value in server.settings.items() if name in ("tls_cert", "tls_key")}


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return Visitor(server)


@pytest.fixture(params=WIRES, ids=lambda kind: kind.transport)
def kind(request: pytest.FixtureRequest) -> type[Wire]:
    """Each of the four transports in turn."""
    return request.param
