"""What the tests of the page of jobs share: files to import, and what a visitor does with them."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.pages.asking import ask, start_import, write_orders
from tests.pages.browser import Visitor
from tests.running import Server

BAD = range(60, 2000, 97)
MOST_SHOWN = 60
ROWS = "return Array.prototype.map.call(document.querySelectorAll(arguments[0] + ' li'), function (row) { return row.innerText; })"


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    return write_orders(tmp_path / "orders.csv", 2000, BAD)


@pytest.fixture
def many_orders(tmp_path: Path, server: Server) -> Iterator[Path]:
    """A file that takes long: three others are being imported already."""
    path = write_orders(tmp_path / "many.csv", 100_000, range(0))
    others = [start_import(server.url, path) for _ in range(3)]
    yield path
    for job in others:
        with suppress(HTTPError):  # it has ended
            ask(server.url, "POST", f"/v1/jobs/{job['id']}/cancel", {}, key=job["key"])


def begin(visitor: Visitor, file: Path) -> None:
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#file").send_keys(str(file))
    visitor.find("#start").click()


def wait_for_state(visitor: Visitor, state: str) -> None:
    visitor.until("return document.getElementById('job-card').getAttribute('data-state') === arguments[0]", state, wait_s=60)


def wait_for_percent(visitor: Visitor, least: int) -> None:
    running = "document.getElementById('job-card').getAttribute('data-state') === 'running'"
    visitor.until(f"return {running} && Number(document.getElementById('job-bar').getAttribute('aria-valuenow')) >= arguments[0]", least)


def rows(visitor: Visitor, css: str) -> list[str]:
    return visitor.run(ROWS, css)


def job_id(visitor: Visitor) -> str:
    return re.search(r"[?&]job=([^&]+)", visitor.driver.current_url)[1]
