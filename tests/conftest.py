"""Fixtures that more than one folder of tests needs: real servers, real browsers."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.handlers.four_wires import Wire
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


@pytest.fixture
def channel() -> str:
    return f"chat:{secrets.token_hex(6)}"


@pytest.fixture
def opened() -> Iterator[Callable[..., Wire]]:
    """Opens wires: `opened(SseWire, server, "chat:lobby")`."""
    wires: list[Wire] = []

    def open_wire(kind: type[Wire], *arguments, **options) -> Wire:
        wires.append(kind(*arguments, **options))
        return wires[-1]

    yield open_wire
    for wire in wires:
        wire.close()
