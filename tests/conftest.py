"""Fixtures that more than one folder of tests needs: real servers, real browsers."""

from collections.abc import Callable, Iterator

import pytest

from tests.running import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests that leave it as it was: no rate limit, short hold and heartbeat."""
    running = Server(hold_s=2, heartbeat_s=1, poll_s=0.2).start()
    yield running
    running.close()
    assert running.tracebacks() == []


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Starts servers with settings of the test's own; they end with it."""
    started: list[Server] = []

    def start(**settings: object) -> Server:
        started.append(Server(**settings))
        return started[-1].start()

    yield start
    for running in started:
        running.close()
