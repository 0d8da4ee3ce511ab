"""Autobahn's cases for a WebSocket server: none fails, none passes by indulgence.

247 cases about RFC 6455, and of those about RFC 7692 what takes some seconds. Left out: the ones about speed (9.*), and with
compression those whose answer is better not compressed, which this runner of the cases doesn't get to compare.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from handlers.link import is_available
from tests.required import missing

ROOT = Path(__file__).resolve().parents[2]
UNDEFINED = {case: ["INFORMATIONAL", "INFORMATIONAL"] for case in ("7.1.6", "7.13.1", "7.13.2")}
"""What happens in these the RFC leaves open."""
WHOLE = [2, 3, 4, 5, 6, 7, 8]
"""1,000 messages each, of 64 bytes up to 32 KiB, in one frame."""
FRAGMENTED = [11, 12, 13]
"""Of 8 to 32 KiB, in fragments of 256 bytes."""
OFFERS = range(1, 8)
"""Each wish that a client may have about windows and contexts."""


LINKS = ["socket", "stream"] if is_available() else ["stream"]


def verdicts(link: str, *cases: str) -> dict[str, list[str]]:
    """By case: its verdict, that of its closing handshake, and what was seen."""
    if importlib.util.find_spec("kosoku") is None:
        missing("autobahn", "Autobahn's cases (kosoku)")
    done = subprocess.run(
        [sys.executable, "-m", "tests.autobahn.run", link, *cases], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(
    ("cases", "count"),
    [
        pytest.param([f"{group}.*" for group in (1, 2, 3, 4, 5, 6, 7, 10)], 247, id="RFC 6455"),
        pytest.param([*(f"12.1.{case}" for case in (*WHOLE, *FRAGMENTED)), *(f"13.{offer}.3" for offer in OFFERS)], 17, id="RFC 7692"),
    ],
)
def test_the_cases(link: str, cases: list[str], count: int) -> None:
    found = verdicts(link, *cases)
    assert len(found) == count
    assert {case: one for case, one in found.items() if one[:2] != UNDEFINED.get(case, ["OK", "OK"])} == {}
