"""docs/browsers.md shows the cells that there are, with what they ask for."""

from tests.browsers.cells import CELLS, NETWORKS
from tests.browsers.table import DOCUMENT, LACKS, NOWHERE, order, parts


def rows() -> list[list[str]]:
    lines = [line for line in parts(DOCUMENT.read_text(encoding="utf-8"))[1].splitlines() if line.startswith("|")]
    return [[part.strip() for part in line.split("|")[1:-1]] for line in lines[2:]]  # below the head and its dashes


def test_the_table_has_exactly_the_cells_that_there_are():
    shown = [tuple(row[:3]) for row in rows()]
    assert shown == [(NETWORKS[cell.network].title, cell.browser, LACKS[cell.lacks]) for cell in sorted(CELLS, key=order)]


def test_each_row_shows_what_its_cell_asks_for():
    wrong = []
    for cell, (_, _, _, transport, reasons, *_) in zip(sorted(CELLS, key=order), rows(), strict=True):
        verdicts = {word.strip("` ") for word in reasons.split(",") if word}
        asked = {word for word in cell.verdicts if not word.endswith(".unsupported")}
        if transport not in (cell.transport or (NOWHERE,)) or not asked <= verdicts <= asked | cell.besides:
            wrong.append((cell.id, transport, verdicts))
    assert wrong == []
