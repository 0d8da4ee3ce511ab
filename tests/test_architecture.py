"""The shape of the whole: imports point one way, drivers stay in the store, files stay small, and say what they are.

server → handlers → tasks, negotiation → store → protocol
         handlers → cluster → protocol
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES = 300
DOCSTRING_LINES = 12
"""A public function whose body is longer says in words what it is for."""

DRIVERS = {"bson", "gridfs", "motor", "pymongo"}
ERRORS = "pymongo.errors"
"""What both drivers raise when the log is away: its base class is caught above the store, too."""
OURS = {"cluster", "handlers", "logs", "wiring", "negotiation", "protocol", "server", "settings", "store", "tasks"}
MAY_IMPORT = {
    "protocol": {"protocol", "msgspec"},
    "negotiation": {"negotiation", "protocol", "tornado"},
    "store": {"store", "protocol", "msgspec", "bson", "gridfs", "pymongo"},
    "cluster": {"cluster", "protocol"},
    "handlers": {"handlers", "cluster", "negotiation", "store", "protocol", "settings", "tasks"},
    "tasks": {"store", "protocol", "tasks"},
}
"""Beside the standard library; of handlers and tasks only which of our own parts."""
ALSO = {
    ("store/drivers.py", "motor"): "the one file that knows the driver",
    ("store/redis_link.py", "redis"): "the one file that knows Redis",
    ("store/mongod.py", "fiftyone"): "the package that brings a mongod, asked only where its binary lies",
}


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules(path: Path) -> set[str]:
    """What is imported, also within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, f"{name_of(path)}: a relative import"
            found.add(node.module)
    return found


def packages(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in modules(path)}


@pytest.mark.parametrize("folder", ["protocol", "negotiation", "store"])
def test_a_part_imports_only_what_lies_below_it(folder):
    allowed = MAY_IMPORT[folder] | sys.stdlib_module_names
    found = {(name_of(path), package) for path in python_files(folder) for package in packages(path) - allowed}
    assert found - ALSO.keys() == set()


@pytest.mark.parametrize("folder", ["handlers", "cluster", "tasks"])
def test_the_upper_parts_import_no_driver_and_nothing_above_them(folder):
    banned = (OURS | DRIVERS) - MAY_IMPORT[folder]
    found = {(name_of(path), module) for path in python_files(folder) for module in modules(path) if module.partition(".")[0] in banned}
    assert {(path, module) for path, module in found if module != ERRORS} == set()


def test_motor_is_known_to_one_file():
    files = [*python_files(*MAY_IMPORT), ROOT / "server.py", ROOT / "settings.py"]
    assert [name_of(path) for path in files if "motor" in packages(path)] == ["store/drivers.py"]


def test_the_core_asks_nobody_for_time_or_chance():
    """Both are given to it, so that a test can give others."""
    banned = {"asyncio", "datetime", "os", "random", "secrets", "select", "socket", "threading", "time"}
    assert {(name_of(path), package) for path in python_files("protocol") for package in packages(path) & banned} == set()


def test_files_are_one_idea_each():
    files = [*ROOT.glob("*.py"), *python_files(*MAY_IMPORT, "tests", "bench", "progress")]
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in files}
    assert {name: lines for name, lines in sizes.items() if lines > MAX_LINES} == {}


@pytest.mark.parametrize(
    "path",
    [p for p in python_files("protocol", "negotiation", "store", "cluster", "handlers", "tasks") if p.read_text().strip()],
    ids=name_of,
)
def test_files_say_what_they_are(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for function in public_functions(tree):
        lines = (function.end_lineno or 0) - function.body[0].lineno + 1
        if path.parts[len(ROOT.parts)] in ("protocol", "store") and lines > DOCSTRING_LINES:
            assert ast.get_docstring(function), f"{name_of(path)}: {function.name}"


def public_functions(node: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public_functions(child)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield child
