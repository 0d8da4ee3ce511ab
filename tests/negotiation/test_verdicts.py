"""The table of verdicts, and what of a report is believed."""

import re
from pathlib import Path

import pytest

from negotiation.transports import TRANSPORTS
from negotiation.verdicts import OTHER, VERDICTS, named, panel_words

ROOT = Path(__file__).resolve().parents[2]


def test_a_name_is_ours_or_another():
    said = [
        ("websocket", "websocket.swallowed"),
        ("sse", "one-behind"),
        ("long-poll", "long-poll.bored"),
        ("pigeon", "swallowed"),
        ("sse", "websocket.blocked"),
        ("a.b$c", "$inc"),
    ]
    assert named(said) == {("websocket", "swallowed"), ("sse", "one-behind"), ("long-poll", OTHER), (OTHER, OTHER), ("sse", OTHER)}


def test_however_often_it_is_said_it_counts_once():
    assert named([("websocket", "websocket.flapping")] * 50 + [("sse", "ok")]) == {("websocket", "flapping"), ("sse", "ok")}


def test_what_is_under_way_is_no_verdict():
    assert named([("websocket", ""), ("pigeon", "")]) == set()


def test_the_panel_has_words_for_every_code():
    words = panel_words(str.upper)
    assert list(words) == list(VERDICTS)
    assert words["swallowed"] == ["NO ANSWER AT ALL"]
    assert words["cut"] == ["CUT OFF ON THE WAY", "cutMs", "CUT OFF ON THE WAY AFTER {TIME}"]


@pytest.mark.parametrize("code", VERDICTS)
def test_a_row_is_whole(code):
    verdict = VERDICTS[code]
    assert verdict.words and (verdict.field == "") == (verdict.measured == "") and ("{time}" in verdict.measured) == bool(verdict.field)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)  # and so fit to be the name of a field in the database


def test_the_names_of_transports_are_names_of_fields_too():
    assert not [name for name in (*TRANSPORTS, OTHER) if "." in name or "$" in name]


def test_the_client_reports_what_the_table_calls_a_fault():
    """By the ends of its words: an earlier one may be a part of another."""
    pattern = re.search(r"/\(([a-z|-]+)\)\$/", (ROOT / "static" / "js" / "report.js").read_text(encoding="utf-8"))
    told = {code for code in VERDICTS if code.endswith(tuple(pattern[1].split("|")))}
    assert told == {code for code, verdict in VERDICTS.items() if verdict.is_fault}
