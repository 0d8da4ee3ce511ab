"""Each test of the wires runs on both ways in: bare sockets, as plain requests come, and Tornado's streams, as TLS comes."""

from collections.abc import Iterator

import pytest

from tests.certificate import make_certificate
from tests.handlers.talking import database_uri
from tests.running import Server


@pytest.fixture(scope="session", params=["bare", "tls"])
def server(request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The one that all share, and one beside it, on a database of its own, that speaks TLS."""
    if request.param == "bare":
        yield server
        return
    certificate, key = make_certificate(tmp_path_factory.mktemp("tls"))
    settings = {name: server.settings[name] for name in ("hold_s", "heartbeat_s", "poll_s")}
    secure = Server(mongodb_uri=database_uri(server, "secure"), tls_cert=certificate, tls_key=key, **settings).start()
    yield secure
    secure.close()
    assert secure.tracebacks() == []
