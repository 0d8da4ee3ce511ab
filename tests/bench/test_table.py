"""The tables of docs/performance.md are made from the results alone, and what is missed or missing shows.

sample.md is what table.py makes of sample.json, some real results with a few faults; after a change that is meant:
`python -c 'from tests.bench.test_table import renew; renew()'`, and look at the difference.
"""

import json
from pathlib import Path

import pytest

from bench.peers import ALL, ANYWIRE, FLOOR
from bench.table import BEGIN, DOCUMENT, END, text, write
from bench.targets import TARGETS, Target

HERE = Path(__file__).parent
EXPECTED = HERE / "sample.md"


def sample() -> dict:
    return json.loads((HERE / "sample.json").read_text())


def renew() -> None:
    EXPECTED.write_text(text(sample()) + "\n", encoding="utf-8")


def row(made: str, beginning: str) -> list[str]:
    line = next(line for line in made.splitlines() if line.startswith(f"| {beginning}"))
    return [part.strip() for part in line.strip("|").split(" | ")]


def test_the_stored_sample_gives_the_stored_tables():
    assert text(sample()) + "\n" == EXPECTED.read_text(encoding="utf-8")


def test_only_what_stands_between_the_markers_changes(tmp_path):
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(sample(), document)
    once = document.read_text(encoding="utf-8")
    write(sample(), document)
    assert document.read_text(encoding="utf-8") == once
    assert once == f"before\n{BEGIN}\n\n{text(sample())}\n\n{END}\nafter\n"
    assert DOCUMENT.read_text(encoding="utf-8").count(BEGIN) == DOCUMENT.read_text(encoding="utf-8").count(END) == 1


def test_every_target_and_every_server_has_a_row():
    made = text(sample())
    assert [target.what for target in TARGETS if f"| {target.what} |" not in made] == []
    assert [server.name for server in ALL if f"| {server.name}" not in made] == []


def test_what_went_wrong_is_said():
    made = text(sample())
    assert row(made, "Socket.IO")[-1] == "no npm here"
    assert row(made.partition("### SSE")[2], "aiohttp")[-1].startswith("does not listen")
    assert row(made, "Tornado")[-1] == "not run"
    assert row(made.partition("### Long-poll")[2], "nchan")[-1] == "5000, closed: 185 lost"
    assert row(made, "5,000 clients resume")[3] == "**not measured**"


@pytest.mark.parametrize(("at_least", "bound", "met"), [(False, 2.0, True), (False, 1.0, False), (True, 1.0, True), (True, 2.0, False)])
def test_a_miss_is_a_miss(at_least, bound, met):
    assert Target("", "", lambda results: 1.5, bound, at_least).is_met({}) is met


def test_what_was_not_measured_is_missed():
    assert Target("", "", lambda results: None, 1.0).is_met({}) is False


def record(server: str, number: int, how: str, figures: dict) -> dict:
    return {"server": server, "wire": "websocket", "round": number, "receivers": {"1000": {how: {"closed": figures}}}}


FLOORS = [record(FLOOR.name, number, "", {"cpu_us": cost}) for number, cost in enumerate((4.0, 8.0, 5.0))]
OURS = [record(ANYWIRE.name, number, "signal", {"cpu_us": cost}) for number, cost in enumerate((6.0, 8.0))]
ALONE = next(target for target in TARGETS if target.what == "WebSocket, fan-out alone, 1,000 receivers")


def test_a_ratio_is_to_the_floor_of_the_same_round():
    assert ALONE.figure({"fanout": [*FLOORS, *OURS]}) == pytest.approx((1.5 + 1.0) / 2)
    assert ALONE.figure({"fanout": OURS}) is None  # no floor, no figure


def test_a_fault_in_one_round_is_not_averaged_away():
    assert ALONE.figure({"fanout": [*FLOORS, *OURS, record(ANYWIRE.name, 2, "signal", {"error": "1 lost"})]}) is None
    assert (
        ALONE.figure({"fanout": [*FLOORS, *OURS, {"server": ANYWIRE.name, "wire": "websocket", "round": 2, "error": "it ended"}]}) is None
    )
