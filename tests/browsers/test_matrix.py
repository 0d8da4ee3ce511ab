"""Every browser times every hostile network: cells.py has the table, docs/browsers.md what came of it."""

import math
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.browsers import flapping, matrix
from tests.browsers.boxes import BOXES, QUICK
from tests.browsers.cells import CELLS, NETWORKS, SSE, WEBSOCKET, Cell
from tests.browsers.engines import start
from tests.browsers.flapping import Watch
from tests.browsers.talk import Other, new_channel
from tests.browsers.trial import FIRST_S, MESSAGES, Result, Trial, percentile
from tests.running import Server

FIRST_MS = 1000
ROUND_TRIPS = 3
SETTLED_MS = 3000
STABLE_MS = 50_000
"""After 52 s at the earliest the WebSocket is looked at again."""
HEALTHY_STARTS = 20
LATER_MS = 600
"""By then whatever is started beside a wire that is slow has been started."""


@pytest.fixture(scope="module")
def quick_server() -> Iterator[Server]:
    """Short times, so that what needs several of them is over within a cell."""
    running = Server(**QUICK).start()
    yield running
    running.close()
    assert running.tracebacks() == []


@pytest.fixture(scope="module")
def minute(request: pytest.FixtureRequest, quick_server: Server) -> Watch | None:
    """It runs beside the cells where its test is asked for."""
    names = {item.originalname for item in request.session.items if isinstance(item, pytest.Function)}
    return Watch(quick_server) if test_a_wire_that_is_cut_again_and_again_is_left.__name__ in names else None


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, quick_server: Server, minute: Watch | None) -> dict[str, Result]:
    """Of the cells that this run asks for; of all, where all of them are seen together."""
    specs = [item.callspec for item in request.session.items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    asked = [spec.params["cell"] for spec in specs if "cell" in spec.params]
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
    late = [ms for ms in result.first_ms if ms > limit_ms(cell)]
    assert len(late) <= cell.starts // 10, result.first_ms
    assert result.offsets, result
    first = result.offsets[0] - result.log_offsets[0]  # both have the same from there on
    assert result.offsets == result.log_offsets[first:] == list(range(result.offsets[0], result.offsets[0] + len(result.offsets)))
    assert result.texts == result.log_texts[first:]
    for who in ("page", "other"):
        assert [text for text in result.texts if text.startswith(who)] == [f"{who} {number}" for number in range(MESSAGES)]
    assert result.acknowledged == MESSAGES and result.refused == []


def limit_ms(cell: Cell) -> float:
    """A second and three round trips."""
    return FIRST_MS + ROUND_TRIPS * 1000 * NETWORKS[cell.network].round_trip_s


def test_the_first_message_is_there_within_a_second_and_three_round_trips(results: dict[str, Result]):
    """At the 95th percentile of all starts."""
    over_ms = [ms - limit_ms(cell) for cell in CELLS if cell.id in results for ms in results[cell.id].first_ms]
    assert percentile(over_ms, 0.95) <= 0, sorted(over_ms)[-20:]


def test_a_wire_that_is_cut_again_and_again_is_left(minute: Watch):
    seen = minute.result()
    assert 1 <= seen.websockets <= 4
    changes = [(ms, name) for ms, name in seen.changes if ms <= STABLE_MS]
    assert changes[-1][0] <= SETTLED_MS and changes[-1][1] == SSE
    assert seen.texts == seen.log_texts
    for who in ("page", "other"):
        assert [text for text in seen.texts if text.startswith(who)] == [f"{who} {number}" for number in range(flapping.MESSAGES)]
    assert seen.acknowledged == flapping.MESSAGES


def test_a_healthy_network_costs_one_websocket_and_no_request_beside_it(quick_server: Server):
    """In 95 % of starts; with the options that a page has where it gives none."""
    cell = Cell("pass", "chromium", "", (WEBSOCKET,), frozenset(), frozenset())
    driver = start("chromium")
    asked = []
    try:
        with BOXES["hostile"](quick_server, "pass") as way, closing(Other(quick_server, channel := new_channel())) as other:
            other.publish("before")
            for _ in range(HEALTHY_STARTS):
                trial = Trial(cell, driver, way, channel)
                trial.load()
                way.hostile.requests.clear()
                driver.execute_script("window.matrix.begin();")
                trial.until(lambda seen: seen["firstMs"] > 0 and seen["ageMs"] > LATER_MS, FIRST_S)
                asked.append([target.partition("?")[0] for _, target in way.hostile.requests])
    finally:
        driver.quit()
    assert asked.count(["/v1/websocket"]) >= 0.95 * HEALTHY_STARTS, asked
