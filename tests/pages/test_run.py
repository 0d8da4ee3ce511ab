"""Tasks on a real page, each item once and in order: by fetch, by a growing XMLHttpRequest, by one answer at the end, through cuts."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.browsers.hostile import Hostile
from tests.pages.browser import Visitor
from tests.pages.test_page_in_phantomjs import phantom

__all__ = ["phantom"]
PHANTOM_RUN = Path(__file__).with_name("phantom_run.js")
ROWS = 4000
RUN = """
var began = +new Date(), body = arguments[1];
window.told = {items: [], states: [], ends: []};
window.told.promise = Anywire.run(arguments[0], body === null ? new File(['a,b\\n1,2\\n3,4\\n'], 'two.csv', {type: 'text/csv'}) : body, {
  contentType: arguments[2] || undefined,
  onItem: function (item) { told.items.push(item); told.firstMs = told.firstMs || +new Date() - began; },
  onState: function (state) { told.states.push(state); },
  onEnd: function (error, result) { told.ends.push([error && error.code, result]); told.allMs = +new Date() - began; }
});
"""
REQUESTS = """
return performance.getEntriesByType('resource').map(function (entry) {
  return entry.name.replace(/.*\\/v1\\//, '').replace(/[&?](id|_)=[^&]*/g, '');
}).filter(function (name) { return /^(run|jobs)/.test(name); });
"""


class StreamCutter(Hostile):
    """Lets everything through, but cuts a connection after *most* bytes of a task's stream."""

    def __init__(self, target_port: int, most: int):
        super().__init__(target_port, "pass")
        self._most = most
        self.cuts = 0

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        left: float = float("inf")

        async def up() -> None:
            nonlocal left
            while data := await reader.read(65536):
                if b"stream=true" in data:
                    left = self._most
                up_writer.write(data)
                await up_writer.drain()

        async def down() -> None:
            nonlocal left
            while left > 0 and (data := await up_reader.read(4096)):
                writer.write(data[: int(min(left, len(data)))])
                await writer.drain()
                left -= len(data)
            self.cuts += left <= 0

        with suppress(OSError, asyncio.CancelledError):
            await asyncio.wait([asyncio.ensure_future(up()), asyncio.ensure_future(down())], return_when=asyncio.FIRST_COMPLETED)
        writer.close()
        up_writer.close()


@contextmanager
def lacking(visitor: Visitor, *names: str) -> Iterator[None]:
    """A browser without these properties of its window."""
    source = "".join(f"delete window.{name};" for name in names)
    added = visitor.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    yield
    visitor.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": added["identifier"]})


def records(count: int) -> dict[str, list[dict[str, object]]]:
    """Every tenth is refused: it has no field."""
    return {"records": [{} if i % 10 == 7 else {"name": "Zürich 你😀", "number": i} for i in range(count)]}


def run(visitor: Visitor, task: str = "import", body: object = None, content_type: str = "") -> dict:
    """What the page was told, once it was told the end."""
    visitor.run("performance.clearResourceTimings(); performance.setResourceTimingBufferSize(1000);" + RUN, task, body, content_type)
    visitor.until("return told.ends.length", wait_s=40)
    return visitor.run("return {items: told.items, states: told.states, ends: told.ends, firstMs: told.firstMs, allMs: told.allMs}")


def is_whole(told: dict, rows: int = ROWS) -> None:
    assert [item["index"] for item in told["items"]] == list(range(rows))
    assert [item["index"] for item in told["items"] if not item["ok"]] == list(range(7, rows, 10))
    assert told["ends"] == [[None, {"imported": rows - rows // 10, "refused": rows // 10}]]
    assert [state["done"] for state in told["states"]] == sorted(state["done"] for state in told["states"])
    assert (told["states"][-1]["state"], told["states"][-1]["percent"]) == ("done", 100)


def jobs(visitor: Visitor) -> int:
    return visitor.run(
        "var xhr = new XMLHttpRequest(); xhr.open('GET', '/v1/jobs', false); xhr.send(); return JSON.parse(xhr.responseText).jobs.length"
    )


def test_by_fetch_items_come_as_they_are_made(visitor):
    visitor.errors()
    visitor.open("/")
    told = run(visitor, body=records(ROWS))
    is_whole(told)
    assert told["firstMs"] < told["allMs"]
    assert visitor.run(REQUESTS) == ["run/import?stream=true"]
    assert visitor.run("return performance.getEntriesByType('resource').filter(e => /run/.test(e.name))[0].initiatorType") == "fetch"
    assert visitor.errors() == []


def test_without_fetch_by_an_xmlhttprequest_that_grows(visitor):
    with lacking(visitor, "fetch"):
        visitor.open("/")
    told = run(visitor, body=records(ROWS))
    is_whole(told)
    assert told["firstMs"] < told["allMs"]
    assert visitor.run(REQUESTS) == ["run/import?stream=true"]


@pytest.mark.parametrize("without", [[], ["fetch"], ["fetch", "WebSocket", "EventSource"]], ids=lambda names: "-".join(["without", *names]))
def test_a_stream_that_is_cut_in_the_middle(visitor, server, without):
    with StreamCutter(server.port, 50_000) as cutter, lacking(visitor, *without):
        visitor.base = cutter.url
        visitor.open("/")
        is_whole(run(visitor, body=records(ROWS)))
        requests = visitor.run(REQUESTS)
        assert cutter.cuts == 1
        assert jobs(visitor) == 1
    assert requests[0] == "run/import?stream=true" and len(requests) > 1
    assert all("/items?after=" in name for name in requests[1:])


def test_where_no_stream_gets_through_the_job_is_followed(visitor, server):
    with StreamCutter(server.port, 100) as cutter:
        visitor.base = cutter.url
        visitor.open("/")
        is_whole(run(visitor, body=records(ROWS)))
        assert cutter.cuts == 2
        assert jobs(visitor) == 1
        assert visitor.run(REQUESTS)[:3] == ["run/import?stream=true", "run/import?stream=true", "run/import?wait=0"]


def test_files_and_texts(visitor):
    visitor.open("/")
    visitor.errors()  # of the page before
    for body, content_type in ((None, ""), ("a,b\n1,2\n3,4\n", "text/csv"), ('{"records":[{"a":1},{"a":2}]}', "")):
        told = run(visitor, body=body, content_type=content_type)
        assert [item["ok"] for item in told["items"]] == [True, True]
        assert told["ends"] == [[None, {"imported": 2, "refused": 0}]]
    assert visitor.errors() == []


def test_what_is_refused_is_told(visitor):
    visitor.open("/")
    assert run(visitor, "nothing", {})["ends"] == [["not-found", None]]
    assert run(visitor, body="a,b", content_type="text/plain")["ends"] == [["bad-media-type", None]]
    assert visitor.driver.execute_async_script("told.promise.then(null, arguments[0])")["code"] == "bad-media-type"


def test_phantomjs_has_no_fetch_and_no_promise(server, phantom):
    environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"} | {"OPENSSL_CONF": "/dev/null"}
    done = subprocess.run(
        [str(phantom), str(PHANTOM_RUN), f"{server.url}/", str(ROWS)], env=environment, capture_output=True, text=True, timeout=60
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["errors"] == []
    is_whole(seen["told"])
    assert seen["told"]["firstMs"] < seen["told"]["allMs"]
    assert not seen["promise"]
    assert seen["bar"] == {"role": "progressbar", "aria-valuenow": "100", "data-anywire-job-state": "done"}
