"""What the README tells people to copy does what it says."""

import functools
import http.server
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.browser import Visitor, publish
from tests.required import missing

README = Path(__file__).resolve().parents[2] / "README.md"
OURS = "http://127.0.0.1:8000"


def block(language: str, sign: str, base: str) -> str:
    """The README's block of *language* that has *sign* in it, for the server at *base*."""
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.S) if sign in text]
    assert len(found) == 1 and OURS in found[0]
    return found[0].replace(OURS, base)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A file, and the address at which a web server on a port of its own gives it out."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield tmp_path / "page.html", f"http://127.0.0.1:{site.server_port}"
        site.shutdown()


def test_the_page_of_another_origin_chats(browser, page, start_server):
    file, origin = page
    server = start_server(origins=origin)
    publish(server.url, "lobby", "from before", name="Ada")
    file.write_text("<!doctype html><meta charset=utf-8>" + block("html", "Anywire.connect()", server.url), encoding="utf-8")
    browser.delete_all_cookies()
    visitor = Visitor(browser, origin)
    visitor.open("/page.html")
    visitor.until("return document.getElementById('lines').textContent.indexOf('Ada: from before') >= 0")
    visitor.find("#text").send_keys("<b>from outside</b>\n")
    visitor.until("return document.getElementById('lines').textContent.indexOf(': <b>from outside</b>') >= 0")


def test_the_shell_script_follows_a_room(server):
    if not shutil.which("curl"):
        missing("curl", "curl")
    script = block("sh", "while :", server.url)
    follower = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert '"type":"hello"' in follower.stdout.readline()
        command = block("sh", '"text":"hello"', server.url)
        subprocess.run(["sh", "-c", command], check=True, timeout=10, capture_output=True)
        assert '"data":{"text":"hello"}' in follower.stdout.readline()
        subprocess.run(["sh", "-c", command.replace('"hello"', '"again"')], check=True, timeout=10, capture_output=True)
        assert '"data":{"text":"again"}' in follower.stdout.readline()  # so the second `next` was right, too
    finally:
        os.killpg(follower.pid, signal.SIGTERM)
        follower.wait(10)
        follower.stdout.close()
