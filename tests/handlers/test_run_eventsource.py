"""A browser's own EventSource on a task: a few lines of a page, and no code for breaks or for the end."""

import asyncio
import secrets

import pytest

from tasks.registry import TASKS, Task
from tests.handlers.inside import inside
from tests.handlers.runs import CSV
from tests.handlers.talking import Visitor, database_uri, eventually
from tests.pages.browser import start_chromium

PAGE = """
window.told = [];
window.source = new EventSource(arguments[0]);
source.onmessage = function (message) { told.push(JSON.parse(message.data)); };
"""


async def ten(run):
    for number in range(run.skip, 10):
        if number == 4:
            await REST.wait()
        yield {"number": number}
    run.result = "all ten"


REST = asyncio.Event()


@pytest.fixture
def running(server, monkeypatch):
    monkeypatch.setitem(TASKS, "ten", Task("ten", "Ten", ten, is_safe=True))
    with inside(database_uri(server, secrets.token_hex(4))) as made:
        yield made


@pytest.fixture
def browser():
    driver = start_chromium()
    yield driver
    driver.quit()


def test_an_event_source_resumes_and_stops_by_itself(running, browser):
    browser.get(f"http://127.0.0.1:{running.port}/healthz")
    browser.execute_script(PAGE, "v1/run/ten?stream=true")

    def told(kind):
        return [event for event in browser.execute_script("return told") if event["type"] == kind]

    eventually(lambda: len(told("item")) == 4)
    for connection in list(running.node.connections):
        running.loop.call_soon_threadsafe(connection.request.connection.stream.close)
    eventually(lambda: len(told("job")) == 2)
    running.loop.call_soon_threadsafe(REST.set)
    eventually(lambda: told("end"))
    eventually(lambda: browser.execute_script("return source.readyState") == 2)  # closed, by the 204 that answered its reconnect
    assert [item["number"] for item in told("item")] == list(range(10))
    assert told("end") == [{"type": "end", "result": "all ten"}] and told("job")[0] == told("job")[1]
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in browser.get_cookies())
    owner = Visitor(running, {"Cookie": cookie})
    assert [job["id"] for job in owner.ask("GET", "/v1/jobs").json["jobs"]] == [told("job")[0]["id"]]


def test_a_report_by_event_source(running, browser):
    browser.get(f"http://127.0.0.1:{running.port}/v1/negotiate")
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in browser.get_cookies())
    Visitor(running, {"Cookie": cookie}).ask("POST", "/v1/run/import", CSV, body=b"city\nRome\nOslo\nRome\n")
    browser.execute_script(PAGE, "run/report?stream=true&by=city")
    eventually(lambda: browser.execute_script("return source.readyState") == 2)
    told = browser.execute_script("return told")
    assert [(event["value"], event["count"]) for event in told if event["type"] == "item"] == [("Rome", 2), ("Oslo", 1)]
    assert [event["type"] for event in told if event["type"] in ("job", "end")] == ["job", "end"]
