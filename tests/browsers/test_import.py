"""A large file through the page, while the page is reloaded, its transport changes, and the server is killed."""

import asyncio
import random
from pathlib import Path

import pytest

from store.connect import connect
from tests.handlers.talking import database_uri
from tests.pages.browser import Visitor

ROWS = 50_000
FIELDS = 40
DONE = "return Number(document.getElementById('job-bar').getAttribute('aria-valuenow'))"


@pytest.fixture
def table(tmp_path: Path) -> tuple[Path, set[int]]:
    """A CSV file, and which of its rows are good."""
    chance = random.Random(3)
    names = [f"field{number}" for number in range(FIELDS)]
    good = set()
    with (tmp_path / "large.csv").open("w") as file:
        print(*names, sep=",", file=file)
        for index in range(ROWS):
            values = [f"{index}-{name}-{'x' * 3}" for name in names]
            if chance.random() < 0.01:
                values.pop()
            else:
                good.add(index)
            print(*values, sep=",", file=file)
    return tmp_path / "large.csv", good


def percent(visitor: Visitor) -> float:
    return float(visitor.run(DONE) or 0)


def reach(visitor: Visitor, least: float) -> None:
    visitor.until(DONE + " >= arguments[0]", least, wait_s=60)
    assert percent(visitor) < 100, "too late to be in the middle"


async def stored(uri: str, job: str) -> list[int]:
    connection = await connect(uri=uri, data=Path())
    documents = await connection.database.records.find({"j": job}, {"_id": 1}).to_list(None)
    await connection.close()
    return [int(document["_id"].rpartition("-")[2]) for document in documents]


def test_fifty_thousand_rows(browser, start_server, table):
    file, good = table
    server = start_server()
    browser.delete_all_cookies()
    visitor = Visitor(browser, server.url)
    visitor.screen(1280, 900)
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#file").send_keys(str(file))
    visitor.find("#start").click()
    visitor.until("return location.search.indexOf('job=') > 0", wait_s=30)  # it was sent
    reach(visitor, 1)
    page = visitor.driver.current_url
    job = page.partition("job=")[2]
    server.kill()
    before = percent(visitor)
    server.start()
    visitor.driver.refresh()
    reach(visitor, before)
    visitor.driver.get(page + "&transport=sse")
    reach(visitor, before + 1)  # it goes on by itself
    assert visitor.run("return document.documentElement.getAttribute('data-anywire-transport')") == "sse"
    visitor.driver.refresh()
    visitor.until("return document.getElementById('job-card').getAttribute('data-state') === 'done'", wait_s=60)

    assert f"{len(good):,} rows imported and {ROWS - len(good)} refused" in visitor.find("#job-end").text
    indexes = asyncio.run(stored(database_uri(server, "anywire"), job))
    assert len(indexes) == len(good) and set(indexes) == good
    found, after = [], -1
    while True:
        answer = visitor.run(
            "var r = new XMLHttpRequest(); r.open('GET', arguments[0], false); r.send(); return JSON.parse(r.responseText)",
            f"{visitor.base}/v1/jobs/{job}/items?ok=false&limit=1000&after={after}",
        )
        found.extend(item["index"] for item in answer["items"])
        if not answer["more"]:
            break
        after = found[-1]
    assert found == sorted(set(range(ROWS)) - good)
