"""`python -m tests.browsers.table`: writes what the last runs of the matrix saw into docs/browsers.md, between its markers."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.browsers.cells import CELLS, NETWORKS, ROWS, Cell
from tests.browsers.matrix import RESULTS
from tests.browsers.trial import percentile

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "browsers.md"
BEGIN = "<!-- made by python -m tests.browsers.table -->"
END = "<!-- end -->"
HEAD = "| network | browser | without | transport | why no better one | first message, ms: median | 95th percentile |"
NOWHERE = "none, until it is over"
LACKS = {"": "", "no-websocket": "WebSocket", "polls-only": "WebSocket, EventSource"}


def line(cell: Cell, seen: dict[str, Any]) -> str:
    lacking = {f"{name}.unsupported" for name in cell.lacking}
    reasons = ", ".join(f"`{word}`" for word in seen["verdicts"] if word not in lacking)
    first = [f"{percentile(seen['first_ms'], share):.0f}" for share in (0.5, 0.95)] if seen["first_ms"] else ["", ""]
    transport = seen["transport"] or NOWHERE
    cells = [NETWORKS[cell.network].title, cell.browser, LACKS[cell.lacks], transport, reasons, *first]
    return f"| {' | '.join(cells)} |".replace("  ", " ")


def order(cell: Cell) -> tuple[int, int]:
    """As the networks stand in cells.py."""
    rows = [(row.network, row.lacks) for row in ROWS]
    return rows.index((cell.network, cell.lacks)), CELLS.index(cell)


def table(results: dict[str, dict[str, Any]], cells: Iterable[Cell]) -> str:
    rows = [line(cell, results[cell.id]) for cell in sorted(cells, key=order)]
    return "\n".join([HEAD, "|" + " --- |" * HEAD.count(" | ") + " --- |", *rows])


def parts(document: str) -> tuple[str, str, str]:
    """What stands before the table, the table, and what stands behind it."""
    before, _, rest = document.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


def main() -> None:
    results = json.loads(RESULTS.read_text())
    absent = [cell.id for cell in CELLS if not results.get(cell.id, {}).get("texts")]
    if absent:
        sys.exit(f"The tests of the matrix have to run first: nothing is known of {', '.join(absent)}.")
    before, _, after = parts(DOCUMENT.read_text(encoding="utf-8"))
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{table(results, CELLS)}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
