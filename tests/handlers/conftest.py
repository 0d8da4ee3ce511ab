"""A channel of the test's own, a visitor, and wires that are closed behind it."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.handlers.four_wires import WIRES, Wire
from tests.handlers.talking import Visitor
from tests.running import Server


@pytest.fixture
def channel() -> str:
    return f"chat:{secrets.token_hex(6)}"


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return Visitor(server)


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


@pytest.fixture(params=WIRES, ids=lambda kind: kind.transport)
def kind(request: pytest.FixtureRequest) -> type[Wire]:
    """Each of the four transports in turn."""
    return request.param
