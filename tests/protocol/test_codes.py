"""The table of codes: complete, and nothing in it that nobody uses."""

import ast
from pathlib import Path

import pytest

from protocol.codes import CODES, ProtocolError, Refusal, Unavailable

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("protocol", "negotiation", "store", "tasks", "handlers") for path in sorted((ROOT / folder).rglob("*.py"))]
TABLE = ROOT / "protocol" / "codes.py"
RAISED = {"ProtocolError", "Refusal"}
RESERVED = {
    "bad-xsrf": "for the forms of pages that do without scripts",
    "token-expired": "for the tokens of a site's own users",
}
"""Codes of the contract that no source names yet, each with the reason."""


def alternatives(node: ast.expr) -> list[str]:
    """The strings that an expression may be, where that can be seen."""
    if isinstance(node, ast.IfExp):
        return alternatives(node.body) + alternatives(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def named(path: Path) -> set[str]:
    """The codes with which *path* raises."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in RAISED and node.args:
                found.update(alternatives(node.args[0]))
            if name in RAISED | {"Unavailable"}:
                found.update(text for keyword in node.keywords if keyword.arg == "code" for text in alternatives(keyword.value))
    return found


def strings(path: Path) -> set[str]:
    return {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_code_is_in_the_table(path):
    assert named(path) <= CODES.keys()


def test_every_code_of_the_table_is_used():
    used = set().union(*(strings(path) for path in SOURCES if path != TABLE)) | {"unavailable"}  # Unavailable's own
    assert CODES.keys() - used <= RESERVED.keys()


@pytest.mark.parametrize("code", CODES)
def test_status_and_retry_belong_together(code):
    entry = CODES[code]
    assert 400 <= entry.status < 600
    assert entry.retry == (entry.status == 429 or entry.status >= 500)
    assert entry.meaning.endswith(".")
    refusal = Refusal(code)
    assert refusal.status == entry.status
    assert refusal.body() == {"code": code, "message": entry.meaning}
    assert refusal.retry_after_s == (1.0 if entry.retry else None)


def test_what_a_refusal_carries():
    error = ProtocolError("rate-limited", "Slowly.", field="sub", retry_after_s=2.5)
    assert error.body() == {"code": "rate-limited", "message": "Slowly.", "field": "sub"}
    assert error.retry_after_s == 2.5
    assert str(error) == "rate-limited: Slowly."
    ours = Unavailable(code="draining", retry_after_s=3)
    assert (ours.code, ours.status, ours.retry_after_s) == ("draining", 503, 3)
    assert Unavailable().code == "unavailable"
    assert not isinstance(ours, ProtocolError)
