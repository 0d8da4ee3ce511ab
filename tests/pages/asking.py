"""Asks the API as a visitor without a browser, and makes what pages are tested with."""

import json
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser import Visitor


def ask(base: str, method: str, path: str, body: object = None, *, cookie: str = "", key: str = "") -> dict[str, Any]:
    """The answer; an error raises urllib.error.HTTPError."""
    headers = {"Content-Type": "application/json"} | ({"Cookie": cookie} if cookie else {})
    if key:
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers, method=method), timeout=10) as answer:
        return json.loads(answer.read())


def cookie_of(visitor: Visitor) -> str:
    """Who the browser is."""
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in visitor.driver.get_cookies())


def start_import(base: str, file: Path) -> dict[str, Any]:
    """A new visitor begins to import *file* and leaves; the job's `id` and `key`."""
    request = urllib.request.Request(f"{base}/v1/run/import?stream=true", file.read_bytes(), {"Content-Type": "text/csv"})
    with urllib.request.urlopen(request, timeout=30) as stream:
        return json.loads(next(line for line in stream if line.startswith(b"data: "))[len("data: ") :])


def write_orders(path: Path, rows: int, bad: range) -> Path:
    """A CSV file with the row numbers of *bad* too short; countries go round."""
    countries = ("Norway", "Chile", "中国", "مصر")
    with path.open("w", encoding="utf-8") as file:
        file.write("order,customer,country,amount\n")
        for row in range(1, rows + 1):
            file.write(f"{row},Customer\n" if row in bad else f"{row},Customer {row},{countries[row % 4]},{row % 90}.50\n")
    return path


@contextmanager
def slow_network(visitor: Visitor, latency_ms: int = 2000, up_bytes_per_s: int = -1):
    """What CDP slows down: requests, not WebSockets."""

    def emulate(latency_ms: int, up: int) -> None:
        conditions = {"offline": False, "latency": latency_ms, "downloadThroughput": -1, "uploadThroughput": up}
        visitor.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    visitor.driver.execute_cdp_cmd("Network.enable", {})
    emulate(latency_ms, up_bytes_per_s)
    yield
    emulate(0, -1)


# From the press, as the browser dates it, until what it changed has been painted.
WATCH_PRESS = """
window.pressed = null;
arguments[0].addEventListener(arguments[1], function (event) {
  requestAnimationFrame(function () { setTimeout(function () {
    window.pressed = {ms: performance.now() - event.timeStamp, seen: document.querySelector(arguments[0] || 'main').innerText};
  }, 0); });
}, true);
"""


def acknowledged(visitor: Visitor) -> dict[str, Any]:
    """`ms` until the press watched by WATCH_PRESS was painted, and what the page said then, `seen`."""
    return visitor.until("return window.pressed")


@pytest.fixture(autouse=True)
def quiet_console(visitor):
    """Whatever a test does, no script breaks and the content security policy forbids nothing that the page does."""
    visitor.errors()
    visitor.screen(1280, 900)
    yield
    assert [line for line in visitor.errors() if "Content Security Policy" in line or "Uncaught" in line] == []
