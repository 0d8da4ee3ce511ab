"""Every browser times every hostile network: cells.py has the table, docs/browsers.md what came of it."""

import math
from collections.abc import Iterator

import pytest

from tests.browsers import matrix
from tests.browsers.boxes import QUICK
from tests.browsers.cells import CELLS, NETWORKS, Cell
from tests.browsers.trial import MESSAGES, Result
from tests.running import Server

FIRST_MS = 1000
ROUND_TRIPS = 3


@pytest.fixture(scope="module")
def quick_server() -> Iterator[Server]:
    """Short times, so that what needs several of them is over within a cell."""
    running = Server(**QUICK).start()
    yield running
    running.close()
    assert running.tracebacks() == []


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, quick_server: Server) -> dict[str, Result]:
    """Of the cells that this run asks for; of all, where all of them are seen together."""
    asked = [
        item.callspec.params["cell"]
        for item in request.session.items
        if "cell" in getattr(item, "callspec", item).__dict__.get("params", {})
    ]
    seen = matrix.run(asked or CELLS, quick_server)
    matrix.keep(seen)
    return seen


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_a_cell_ends_on_the_right_transport_and_loses_nothing(results: dict[str, Result], cell: Cell):
    result = results[cell.id]
    if result.absent is not None:
        raise result.absent
    assert not result.error, result
    assert result.transport in (cell.transport or ("",)), result
    assert cell.verdicts <= set(result.verdicts) <= cell.verdicts | cell.besides, result.attempts
    assert len(result.first_ms) == (cell.starts if cell.transport else 0)
    assert all(0 < ms < math.inf for ms in result.first_ms)
    first = result.offsets[0] - result.log_offsets[0]  # both have the same from there on
    assert result.offsets == result.log_offsets[first:] == list(range(result.offsets[0], result.offsets[0] + len(result.offsets)))
    assert result.texts == result.log_texts[first:]
    for who in ("page", "other"):
        assert [text for text in result.texts if text.startswith(who)] == [f"{who} {number}" for number in range(MESSAGES)]
    assert result.acknowledged == MESSAGES and result.refused == []


def test_the_first_message_is_there_within_a_second_and_three_round_trips(results: dict[str, Result]):
    """At the 95th percentile of all starts."""
    over_ms = sorted(
        ms - ROUND_TRIPS * 1000 * NETWORKS[cell.network].round_trip_s
        for cell in CELLS
        if cell.id in results
        for ms in results[cell.id].first_ms
    )
    assert over_ms[math.ceil(0.95 * len(over_ms)) - 1] <= FIRST_MS, over_ms[-20:]
