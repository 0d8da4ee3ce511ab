"""Another page of the same site: one script tag, behind a real nginx, below a path prefix."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.browser import Visitor
from tests.required import missing

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
PAGE = """<!DOCTYPE html>
<title>A shop</title>
<ul id="news"></ul>
<script src="/live/anywire.js"></script>
<script>
  var wire = Anywire.connect('/live/');
  wire.subscribe('chat:news', {history: 10}, function (event) {
    if (event.type === 'message') {
      var item = document.createElement('li');
      item.textContent = event.user.name + ': ' + event.data.text;
      document.getElementById('news').appendChild(item);
    }
  });
  wire.publish('chat:news', {text: 'hello'});
</script>
"""


@pytest.fixture(scope="module")
def site(server) -> Iterator[str]:
    """nginx with the site's own page, and the server below /live/."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.path.exists(nginx):
        missing("nginx", "nginx")
    folder = Path(tempfile.mkdtemp(prefix="aw-nginx-"))
    (folder / "shop.html").write_text(PAGE)
    folder.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = CONFIGURATION.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}").replace("/var/www/site", str(folder))
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\nhttp {{ access_log off;\n{temporary}{text}\n}}\n"
    (folder / "nginx.conf").write_text(main)
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(f"{url}/live/healthz", timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline and process.poll() is None, (folder / "error.log").read_text()
            time.sleep(0.02)
    yield url
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("name", ["", "websocket", "sse", "long-poll", "short-poll"])
def test_a_page_of_the_site_needs_one_script_tag(browser, site, name):
    browser.delete_all_cookies()
    visitor = Visitor(browser, site)
    visitor.errors()
    visitor.open(f"/shop.html?transport={name}")
    visitor.until("return document.getElementById('news').textContent.indexOf('hello') >= 0")
    expected = name or "websocket"
    assert visitor.run("return document.documentElement.getAttribute('data-anywire-transport')") == expected
    assert visitor.errors() == []


def test_the_pages_work_below_a_prefix(browser, site):
    browser.delete_all_cookies()
    visitor = Visitor(browser, f"{site}/live")
    visitor.open_room("prefixed")
    visitor.say("through nginx")
    visitor.wait_for("through nginx")
    assert visitor.run("return document.documentElement.getAttribute('data-anywire-transport')") == "websocket"
    visitor.open("/")
    assert visitor.errors() == []
