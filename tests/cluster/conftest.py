"""A server of two workers, and what is needed to see which of them a wire has reached."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.workers import Workers
from tests.handlers.four_wires import Wire


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    running = Workers(workers=2, hold_s=2, heartbeat_s=1, poll_s=0.2).start()
    yield running
    running.close()
    assert running.tracebacks() == []


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
