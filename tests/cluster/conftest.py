"""A server of two workers, and what is needed to see which of them a wire has reached."""

from collections.abc import Iterator

import pytest

from tests.cluster.workers import Workers


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    running = Workers(workers=2, hold_s=2, heartbeat_s=1, poll_s=0.2).start()
    yield running
    running.close()
    assert running.tracebacks() == []
