"""The tables of limits in docs/operating.md: each stands in the code, with that figure."""

import importlib
import re
from pathlib import Path

import pytest

from settings import Settings

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/operating.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| `([\w.]+)` \|$", DOCUMENT.partition("## Limits")[2].partition("\n## ")[0], re.MULTILINE)
UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}


def figures(text: str) -> list[float]:
    """The numbers in *text*, with their units."""
    found = re.findall(r"(\d[\d,]*)(?: (KiB|MiB))?", text)
    return [int(number.replace(",", "")) * UNITS[unit] for number, unit in found]


def test_there_are_rows_for_users_addresses_connections_and_the_process():
    assert len(ROWS) > 15
    assert len(re.findall(r"^\| for each ", DOCUMENT, re.MULTILINE)) == 4


@pytest.mark.parametrize(("what", "default", "where"), [row for row in ROWS if "." in row[2]])
def test_a_constant_has_the_figure(what, default, where):
    module, _, name = where.rpartition(".")
    assert getattr(importlib.import_module(module), name) in figures(default)


@pytest.mark.parametrize(("what", "default", "where"), [row for row in ROWS if row[2].startswith("ANYWIRE_")])
def test_a_setting_has_the_default(what, default, where):
    value = Settings.model_fields[where.removeprefix("ANYWIRE_").lower()].default
    factor = 50 if what == "subscriptions" else 1
    if value == 0:
        assert figures(default) == []
    else:
        assert figures(default) == [value * factor, value * factor * 10]
