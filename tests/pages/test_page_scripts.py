"""The page scripts parse as ES3 and ES5, and keep to what makes them safe."""

import re
import shutil
import subprocess

import pytest

from handlers import page
from tests.required import missing

ACORN = page.ROOT / "build" / "node" / "node_modules" / "acorn" / "bin" / "acorn"
SCRIPTS = sorted(page.SCRIPTS.glob("*.js"))
CODE_ONLY = re.compile(r"'(?:[^'\\\n]|\\.)*'|//[^\n]*|/\*.*?\*/", re.DOTALL)


@pytest.mark.parametrize("version", ["--ecma3", "--ecma5"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_parses(script, version):
    if shutil.which("node") is None or not ACORN.exists():
        missing("node", "Node with acorn, which npm brings,")
    done = subprocess.run(["node", str(ACORN), version, "--silent", str(script)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_text_never_becomes_markup(script):
    code = CODE_ONLY.sub("''", script.read_text(encoding="utf-8"))
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "=>", "`", "const ", "let "):
        assert word not in code, word


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_is_one_idea(script):
    assert len(script.read_text(encoding="utf-8").splitlines()) < 300
