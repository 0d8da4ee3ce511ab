"""Retention by a clock that a test may put forward."""

from store.retention import Retention
from tests.store.processes import Process

HOUR_MS = 3_600_000


def retention(
    process: Process, *, now_ms: int = 0, keep_messages: int = 20, keep_days: float = 30, minimum_age_s: float = 600
) -> Retention:
    """*now_ms* is added to the clock."""
    wall_ms = process.writer._wall_ms
    return Retention(
        process.database,
        process.reader,
        process.writer,
        keep_messages=keep_messages,
        keep_days=keep_days,
        minimum_age_s=minimum_age_s,
        wall_ms=lambda: wall_ms() + now_ms,
    )
