"""Progress bars on a page of another site, whose Content-Security-Policy forbids inline styles."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.pages.browser import Visitor
from tests.pages.test_page_access import barriers
from tests.running import API_KEY

SHOWN = """
var bar = document.getElementById(arguments[0]), shown = {text: bar.textContent};
Array.prototype.forEach.call(bar.attributes, function (attribute) { shown[attribute.name] = attribute.value; });
shown.width = bar.firstElementChild ? bar.firstElementChild.style.width : null;
return shown;
"""
COUNT = "window.opened = 0; var Real = WebSocket; window.WebSocket = function (url, name) { opened += 1; return new Real(url, name); };"


class Site(ThreadingHTTPServer):
    """Serves *html* for every path."""

    html = ""
    policy = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(self.server.html.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(start_server) -> Iterator[tuple[Site, str]]:
    """A site, and the server that it loads the script from."""
    site = Site(("127.0.0.1", 0), Answer)
    server = start_server(origins=site.url, heartbeat_s=1)
    site.policy = f"default-src {server.url} {server.url.replace('http', 'ws')}"
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield site, server.url
    site.shutdown()
    site.server_close()


@pytest.fixture
def visitor(browser, site) -> Iterator[Visitor]:
    browser.delete_all_cookies()
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": COUNT})
    visitor = Visitor(browser, site[0].url)
    browser.get("about:blank")  # the page of the test before still looks for its server, which has gone
    visitor.errors()
    yield visitor
    assert visitor.errors() == []
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": added["identifier"]})


def ask(method: str, url: str, body: dict, key: str = API_KEY) -> dict:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers, method=method), timeout=10) as answer:
        return json.load(answer)


class Worker:
    def __init__(self, base: str, title: str = "Index", **new: object):
        self._base = base
        made = ask("POST", f"{base}/v1/jobs", {"title": title, **new})
        self.id, self._key = made["id"], made["key"]

    def report(self, **change: object) -> None:
        ask("PATCH", f"{self._base}/v1/jobs/{self.id}", change, self._key)


def page(base: str, *bars: str) -> str:
    head = f'<!DOCTYPE html><html lang="en"><title>Shop</title><script src="{base}/anywire.js"></script>'
    return f"{head}<main><h1>Shop</h1>{''.join(bars)}</main>"


def until(visitor: Visitor, id: str, **wanted: str) -> dict:
    for name, value in wanted.items():
        shown = "return document.getElementById(arguments[0]).getAttribute(arguments[1]) === arguments[2]"
        visitor.until(shown, id, name.replace("_", "-"), value)
    return visitor.run(SHOWN, id)


def test_a_bar_of_the_page_follows_its_job_to_the_end(visitor, site):
    worker = Worker(site[1], total=1000, unit="rows")
    worker.report(done=420, note="reading <b>all</b>")
    words = 'data-done="fertig" data-left="übrig"'
    site[0].html = page(site[1], f'<div id="a" {words} data-anywire-job="{worker.id}">Please wait.</div>')
    visitor.driver.get(visitor.base)
    shown = until(visitor, "a", aria_valuenow="42")
    assert shown["role"] == "progressbar"
    assert (shown["aria-valuemin"], shown["aria-valuemax"], shown["aria-label"]) == ("0", "100", "Index")
    assert (shown["width"], shown["data-anywire-job-state"]) == ("42%", "running")
    assert shown["text"].startswith("42% · 420/1000 rows · reading <b>all</b>")
    assert shown["aria-valuetext"] == shown["text"]
    assert barriers(visitor) == []
    worker.report(done=500)
    assert until(visitor, "a", aria_valuenow="50")["width"] == "50%"
    visitor.until("return / · [0-9.]+ rows\\/s · [0-9]+ (s|min) übrig$/.test(document.getElementById('a').textContent)")
    worker.report(state="done", note=None)
    shown = until(visitor, "a", data_anywire_job_state="done")
    assert (shown["text"], shown["width"]) == ("100% · 500/1000 rows · fertig", "100%")
    visitor.until("return document.documentElement.getAttribute('data-anywire-state') === 'waiting'")  # nothing is followed any more


def test_without_a_total_there_is_no_percentage(visitor, site):
    worker = Worker(site[1])
    worker.report(done=7)
    site[0].html = page(site[1], f'<h2 id="name">Mine</h2><div id="a" aria-labelledby="name" data-anywire-job="{worker.id}"></div>')
    visitor.driver.get(visitor.base)
    shown = until(visitor, "a", role="progressbar")
    assert "aria-valuenow" not in shown
    assert (shown["text"].split(" ")[0], shown["width"]) == ("7", "0%")
    assert barriers(visitor) == []
    worker.report(state="failed", note="No more room.")
    assert until(visitor, "a", data_anywire_job_state="failed")["text"] == "7 · No more room. · failed"


def test_bars_come_and_go_over_one_connection(visitor, site):
    first, second, third = (Worker(site[1], f"No. {i}", total=10) for i in range(3))
    first.report(done=1)
    site[0].html = page(site[1], '<div id="late"></div>')
    visitor.driver.get(visitor.base)
    assert visitor.run("return opened") == 0
    visitor.run("document.getElementById('late').setAttribute('data-anywire-job', arguments[0])", first.id)
    until(visitor, "late", aria_valuenow="10")
    add = (
        "var part = document.createElement('p');"
        "part.innerHTML = '<span id=\"' + arguments[0] + '\" data-anywire-job=\"' + arguments[1] + '\"></span>';"
        "document.querySelector('main').appendChild(part)"
    )
    visitor.run(add, "again", first.id)
    assert until(visitor, "again", aria_valuenow="10")["text"] == visitor.run(SHOWN, "late")["text"], "the second bar of a job"
    visitor.run(add, "other", second.id)
    visitor.run(add, "unknown", "no/such job")
    assert until(visitor, "unknown", data_anywire_job_state="unknown")["text"] == "unknown"
    second.report(done=5)
    until(visitor, "other", aria_valuenow="50")
    visitor.run("document.getElementById('late').setAttribute('data-anywire-job', arguments[0])", third.id)
    visitor.run("document.getElementById('other').parentNode.remove()")
    third.report(done=3)
    first.report(done=2)
    until(visitor, "again", aria_valuenow="20")
    assert until(visitor, "late", aria_valuenow="30")["aria-label"] == "No. 2"
    assert visitor.run("return opened") == 1
    assert barriers(visitor) == []


def test_where_the_browser_does_not_tell_of_new_elements(visitor, site):
    worker = Worker(site[1], total=10)
    site[0].html = page(site[1])
    added = visitor.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.MutationObserver"})
    visitor.driver.get(visitor.base)
    visitor.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": added["identifier"]})
    visitor.run(
        "var bar = document.createElement('div'); bar.id = 'a'; bar.setAttribute('data-anywire-job', arguments[0]);"
        "document.querySelector('main').appendChild(bar); Anywire.progress(bar); Anywire.progress(bar);",
        worker.id,
    )
    worker.report(done=4)
    until(visitor, "a", aria_valuenow="40")


def test_a_job_by_the_script_and_its_cancel(visitor, site):
    site[0].html = page(site[1])
    visitor.driver.get(visitor.base)
    worker = Worker(site[1], total=10, cancellable="anyone")
    visitor.run(
        "window.told = {states: [], errors: []}; window.wire = Anywire.connect(arguments[0]);"
        "window.job = wire.job(arguments[1], function (state) { told.states.push(state.state + ' ' + state.done); });"
        "wire.job('unknown', null, function (error) { told.errors.push(error.code); });",
        site[1],
        worker.id,
    )
    worker.report(done=1)
    visitor.until("return told.states.indexOf('running 1') >= 0 && told.errors.length")
    assert visitor.run("return told.errors") == ["not-found"]
    cancel = "var done = arguments[0]; job.cancel(function (error, state) { done(error || state.state); });"
    assert visitor.driver.execute_async_script(cancel) == "cancelled"
    visitor.until("return told.states[told.states.length - 1] === 'cancelled 1'")
    visitor.until("return wire.state === 'waiting'")


def test_a_task_of_another_host(visitor, site):
    site[0].html = page(site[1])
    visitor.driver.get(visitor.base)
    visitor.run(
        "window.told = []; Anywire.run('import', {records: [{a: 1}, {}]}, {onItem: function (item) { told.push(item.ok); },"
        "onEnd: function (error, result) { told.push(error || result); }});"
    )
    visitor.until("return told.length === 3")
    assert visitor.run("return told") == [True, False, {"imported": 1, "refused": 1}]
