"""docs/browsers.md shows the cells that there are, with what they ask for."""

from tests.browsers.cells import CELLS, NETWORKS
from tests.browsers.table import DOCUMENT, LACKS, order, parts


def test_the_table_has_exactly_the_cells_that_there_are():
    rows = [line.strip("| ").split(" | ") for line in parts(DOCUMENT.read_text(encoding="utf-8"))[1].splitlines() if line.startswith("| ")]
    shown = [tuple(cell.strip() for cell in row[:3]) for row in rows[1:] if not row[0].startswith("---")]
    assert shown == [(NETWORKS[cell.network].title, cell.browser, LACKS[cell.lacks]) for cell in sorted(CELLS, key=order)]


def test_each_row_shows_a_transport_that_is_asked_for():
    lines = [line for line in parts(DOCUMENT.read_text(encoding="utf-8"))[1].splitlines() if line.startswith("| ")][1:]
    rows = [[part.strip() for part in line.split("|")] for line in lines if not line.startswith("| ---")]
    wrong = []
    for cell, row in zip(sorted(CELLS, key=order), rows, strict=True):
        transport, verdicts = row[4], {word.strip("` ") for word in row[5].split(",") if word.strip()}
        if transport not in (cell.transport or ("none, until it is over",)) or not verdicts <= cell.verdicts | cell.besides:
            wrong.append((cell.id, transport, verdicts))
    assert wrong == []
