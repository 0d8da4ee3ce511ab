"""What the documents say of tasks is true: their commands work as they stand, and no code is left out."""

import ast
import json
import re
import shutil
import subprocess

import pytest

from tasks import runner
from tasks.importing import MAX_ROWS
from tasks.registry import TASKS
from tests.required import missing
from tests.test_documents import ROOT, rows, section

CURLS = {"README.md": "Run something long", "docs/protocol.md": "Tasks"}
ELSEWHERE = {"cancelled": "the state", "timed-out": "a time-out", "internal": "any other fault"}
"""Codes of tasks that nobody raises as a TaskError."""


@pytest.mark.parametrize("document", CURLS)
def test_the_commands_work(server, tmp_path, document):
    if not shutil.which("curl"):
        missing("curl", "curl")
    commands = re.search(r"```sh\n(.*?)```", section(document, CURLS[document]), re.S)[1]
    script = "set -e\n" + commands.replace("http://127.0.0.1:8000", server.url).replace("curl ", "curl -sS --fail ")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
    streamed, _, whole = done.stdout.rpartition("\n\n")
    events = [json.loads(line.removeprefix("data: ")) for line in streamed.splitlines() if line.startswith("data: ")]
    kinds = [event["type"] for event in events]
    assert kinds[0] == "job" and kinds[-2:] == ["state", "end"] and kinds.count("item") == 3
    assert events[-1]["result"] == {"imported": 2, "refused": 1}
    shown = section("docs/protocol.md", "A stream of items")
    for event in (json.loads(line) for line in re.findall(r"^\{.*\}$", shown, re.M)):
        alike = next(e for e in events if e["type"] == event["type"] and e.get("index") == event.get("index"))
        assert set(event) == set(alike) and event.get("error") == alike.get("error"), event
    report = json.loads(whole)
    assert report["items"][0] == {
        "type": "item",
        "index": 0,
        "ok": True,
        "value": "Rome",
        "count": 2,
        "sum": 3.5,
        "mean": 1.75,
        "least": 1.5,
        "greatest": 2.0,
    }
    assert '"value":"Rome","count":2,"sum":3.5,"mean":1.75,"least":1.5,"greatest":2.0}' in section("docs/protocol.md", "Report")
    assert report["result"] == {"by": "city", "of": "price", "records": 2, "groups": 1}


def raised(name: str) -> set[str]:
    """The codes that `name(code, …)` is called with in tasks/."""
    found = set()
    for path in (ROOT / "tasks").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def test_every_code_has_its_row():
    assert set(rows(section("docs/protocol.md", "Import"))) == raised("RowError")
    assert set(rows(section("docs/protocol.md", "How a task fails"))) == raised("TaskError") | set(ELSEWHERE)


def test_every_task_and_its_limits_are_documented():
    text = section("docs/protocol.md", "Tasks")
    assert all(f"`{name}`" in text for name in TASKS)
    assert f"{MAX_ROWS:,} rows" in text and f"{runner.MAX_CLAIMS} times" in text
    assert (TASKS["import"].timeout_s, TASKS["report"].timeout_s) == (3600, 120)
    assert f"| {runner.MAX_OF_USER}, and {runner.MAX_RUNNING} |" in section("docs/protocol.md", "Limits")
