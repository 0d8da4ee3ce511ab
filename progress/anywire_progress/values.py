"""What a script says of itself, as the server takes it: a loop may be given anything for a total, or a title."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anywire_progress.job import Progress


def fields(job: Progress) -> dict[str, Any]:
    """Its state as the server takes it."""
    shown = job.shown()
    return {**shown, "done": number(shown["done"]) or 0, "total": number(shown["total"]), "note": text(shown["note"], 2000)}


def number(value: Any) -> float | None:
    """From 0 to 2^53; None for what isn't."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        found = float(value)
        if 0 <= found <= 2**53:
            return int(found) if found.is_integer() else found
    return None


def text(value: Any, most: int) -> str | None:
    return None if value is None else str(value).encode("utf-8", "replace").decode()[:most]
