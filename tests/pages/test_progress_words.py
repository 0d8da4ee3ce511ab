"""What the page of jobs says: numbers, names, and every reason for a refusal, in the visitor's language."""

import ast
import re

import pytest

from tests.pages.asking import quiet_console
from tests.running import ROOT

__all__ = ["quiet_console"]


def refusals() -> list[str]:
    """Every sentence that the code of the tasks refuses a row or a file with; 7 stands for what varies."""

    def said(part: ast.expr) -> str:
        if isinstance(part, ast.Constant):
            return str(part.value)
        assert isinstance(part, ast.FormattedValue)
        return "" if getattr(part.value, "id", "") == "where" else "7"  # "Line 7: ", which is known by itself

    found = []
    for path in sorted((ROOT / "tasks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("RowError", "TaskError") and len(node.args) == 2:
                parts = node.args[1].values if isinstance(node.args[1], ast.JoinedStr) else [node.args[1]]
                found.append("".join(map(said, parts)).removeprefix("Line 7: "))
    return [text for text in found if re.search("[a-z]", text)]


def test_every_refusal_is_known_in_every_language(visitor):
    visitor.driver.get(f"{visitor.base}/progress?lang=zh")
    said = refusals()
    assert len(said) > 30
    shown = visitor.run("return arguments[0].map(AnywirePages.serverSentence)", said)
    assert [text for text, there in zip(said, shown, strict=True) if not re.search(r"[\u4e00-\u9fff]", there)] == []
    assert visitor.run("return AnywirePages.serverSentence(arguments[0])", f"Line 9: {said[0]}").startswith("第 9 行：")
    visitor.driver.get(f"{visitor.base}/progress?lang=en")
    assert visitor.run("return arguments[0].map(AnywirePages.serverSentence)", said) == said


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("[0, 7.25, 99.96, 1234.5, 1e7].map(pages.number)", ["0", "7.3", "100", "1,235", "10,000,000"]),
        ("[0, 1, 5000, 52428800].map(pages.size)", ["0 kB", "0.1 kB", "4.9 kB", "50 MB"]),
        ("[pages.sizeOf(12582912, 41943040), pages.sizeOf(0, 900)]", ["12 of 40 MB", "0 of 0.9 kB"]),
        ("[0.04, 9.96, 59, 61, 7322].map(pages.duration)", ["0 s", "10 s", "59 s", "1 min 1 s", "2 h 2 min"]),
        (
            "[0, 12, 49, 70, 120, 5399, 9000, 2e5].map(pages.about)",
            ["a few seconds", "about 15 seconds", "about 50 seconds", "about a minute", "about 2 minutes", "about 90 minutes"]
            + ["about 3 hours", "about 2 days"],
        ),
        (r"""pages.fieldNames('\uFEFFa;"b;""c";"d, e, f"; g \r\n1;2;3;4')""", ["a", 'b;"c', "d, e, f", "g"]),
        ("""pages.fieldNames(' [{"a": 1, "b": "x"}, {"c": 2}]')""", ["a", "b"]),
        ("""pages.fieldNames('{"records": [{"a": 1}]}')""", ["a"]),
        ("""pages.fieldNames('{"records": [{')""", []),
        ("['e-9', 'e-10', 'f-1'].map(function (p) { return pages.isCurrent(p, 'e-10'); })", [False, True, True]),
    ],
)
def test_numbers_and_names_as_people_read_them(visitor, script, expected):
    visitor.driver.get(f"{visitor.base}/progress?lang=en")
    assert visitor.run(f"var pages = AnywirePages; return {script}") == expected
