"""The client's own tests under Node, and what is served as /anywire.js."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tornado.testing import AsyncHTTPTestCase
from tornado.web import Application

from handlers.script import FILES, Script, ScriptHandler
from handlers.shorten import PRIVATE
from tests.required import missing

HERE = Path(__file__).resolve().parent
MAX_GZIPPED_BYTES = 12 * 1024
SUITES = sorted(path.name for path in HERE.glob("*.test.js"))


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        missing("node", "Node on PATH")
    return node


@pytest.mark.parametrize("suite", SUITES)
def test_suite(suite: str, tmp_path: Path) -> None:
    served = tmp_path / "anywire.js"
    served.write_bytes(Script.load().plain)
    done = subprocess.run(
        [_node(), "--test", str(HERE / suite)],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "ANYWIRE_JS": str(served)},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_acorn_is_there() -> None:
    if not (HERE.parent.parent / "build" / "node" / "node_modules" / "acorn").exists():
        missing("node", "acorn, which npm brings,")


def test_size() -> None:
    assert len(Script.load().gzipped) <= MAX_GZIPPED_BYTES


def test_files_stay_small() -> None:
    for name in FILES:
        assert (HERE.parent.parent / "static" / "js" / name).read_text(encoding="utf-8").count("\n") <= 300, name


def test_private_names_are_nobody_elses() -> None:
    """Not of the types, not of the protocol, and not a word of any string."""
    root = HERE.parent.parent
    code = re.findall(r"```.*?```|`[^`]*`", (root / "docs" / "protocol.md").read_text(encoding="utf-8"), re.DOTALL)
    types = (root / "static" / "js" / "anywire.d.ts").read_text(encoding="utf-8")
    assert PRIVATE & set(re.findall(r"\w+", " ".join([*code, types]))) == set()
    sources = "".join((root / "static" / "js" / name).read_text(encoding="utf-8") for name in FILES)
    strings = re.findall(r"'(?:[^'\\\n]|\\.)*'", re.sub(r"//[^\n]*|/\*.*?\*/", "", sources, flags=re.DOTALL))
    assert PRIVATE & set(re.findall(r"\w+", " ".join(strings))) == set()
    assert PRIVATE - set(re.findall(r"\w+", sources)) == set()


class TestScript(AsyncHTTPTestCase):
    def get_app(self) -> Application:
        self.script = Script.load()
        return Application([(r"/anywire\.js", ScriptHandler, {"script": self.script})])

    def get(self, **headers: str):
        return self.fetch(
            "/anywire.js",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            decompress_response=False,
        )

    def test_plain(self) -> None:
        answer = self.get()
        assert answer.body == self.script.plain
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert "Content-Encoding" not in answer.headers

    def test_gzip(self) -> None:
        answer = self.get(Accept_Encoding="br, gzip;q=0.5")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.body) == self.script.plain
        assert "Content-Encoding" not in self.get(Accept_Encoding="gzip;q=0, deflate").headers

    def test_unchanged_is_304_for_the_same_encoding(self) -> None:
        plain, packed = self.get(), self.get(Accept_Encoding="gzip")
        assert re.fullmatch(r'"[0-9a-f]{24}"', plain.headers["Etag"])
        assert plain.headers["Etag"] != packed.headers["Etag"]
        assert self.get(If_None_Match=plain.headers["Etag"]).code == 304
        assert self.get(If_None_Match=packed.headers["Etag"], Accept_Encoding="gzip").code == 304
        assert self.get(If_None_Match='"other"').code == 200

    def test_head(self) -> None:
        answer = self.fetch("/anywire.js", method="HEAD", decompress_response=False)
        assert answer.body == b""
        assert answer.headers["Content-Length"] == str(len(self.script.plain))
