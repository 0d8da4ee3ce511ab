"""A replica set of three for the tests that break it, and a small disk to fill."""

from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxies
from tests.faults.replica_set import ReplicaSet
from tests.store.conftest import folder, small_disk

__all__ = ["folder", "small_disk"]


@pytest.fixture(scope="module")
def proxies() -> Iterator[Proxies]:
    running = Proxies()
    yield running
    running.close()


@pytest.fixture(scope="module")
def three(proxies) -> Iterator[ReplicaSet]:
    """Whoever breaks it mends it."""
    running = ReplicaSet(proxies)
    try:
        yield running.start()
    finally:
        running.close()
