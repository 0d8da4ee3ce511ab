"""The real MongoDB of the storage tests, and tasks made for one test."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.registry import TASKS, Task
from tests.store.conftest import connection, database, driver, mongo_uri

__all__ = ["connection", "database", "driver", "mongo_uri"]


@pytest.fixture
def register(monkeypatch) -> Callable[..., str]:
    """Registers an async generator under its own name for the time of the test; returns the name."""

    def register(run: Callable[..., Any], **about: Any) -> str:
        monkeypatch.setitem(TASKS, run.__name__, Task(run.__name__, title="A test", run=run, **about))
        return run.__name__

    return register
