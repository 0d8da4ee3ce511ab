"""What worked is remembered for the network, and a better network is noticed at once."""

from collections.abc import Iterator

import pytest

from tests.browsers.switching_box import SwitchingBox
from tests.pages.browser import Visitor

STAGGER_MS = 250  # what a page without a memory waits for a swallowed WebSocket
NOTICED_MS = 1000
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"
# As a page of the project: it is told its network with the HTML.
START = """
window.since = Date.now();
window.wire = Anywire.connect('./');
wire.on('transport', function (name) { window.used = [name, Date.now() - since]; });
wire.subscribe('chat:memory', {history: 1}, function () {});
"""
ATTEMPTS = "return wire.attempts.map(function (attempt) { return attempt.transport; })"


@pytest.fixture
def box(server) -> Iterator[SwitchingBox]:
    with SwitchingBox(server.port, websocket="swallow") as box:
        box.client_address = HOME
        yield box


@pytest.fixture
def visitor(browser, box) -> Iterator[Visitor]:
    yield Visitor(browser, box.url)
    browser.get("about:blank")


def visit(visitor: Visitor) -> tuple[str, float, list[str]]:
    """Which transport it used first, after how many ms, and what it had tried by then."""
    visitor.driver.get(visitor.base + "/")
    visitor.run(START)
    visitor.until("return !!window.used")
    transport, took_ms = visitor.run("return used")
    return transport, took_ms, visitor.run(ATTEMPTS)


def test_the_second_visit_begins_with_what_worked(visitor, box):
    transport, took_ms, tried = visit(visitor)
    assert transport == "sse" and took_ms >= STAGGER_MS and tried == ["websocket", "sse"]
    visitor.until("return wire.attempts.some(function (attempt) { return attempt.verdict === 'ok'; })")
    box.seen.clear()
    transport, took_ms, tried = visit(visitor)
    assert transport == "sse" and tried == ["sse"]
    assert "websocket" not in box.seen


def test_a_page_that_is_told_of_another_network_looks_for_better_at_once(visitor, box):
    visit(visitor)
    visitor.until("return wire.attempts.some(function (attempt) { return attempt.verdict === 'ok'; })")
    visit(visitor)
    box.change(websocket="pass")
    visitor.run("window.since = Date.now(); window.dispatchEvent(new Event('online'));")
    visitor.until("return used[0] === 'websocket'")
    assert visitor.run("return used[1]") <= NOTICED_MS


def test_another_network_is_known_by_its_first_hello(visitor, box):
    visit(visitor)
    visitor.until("return wire.attempts.some(function (attempt) { return attempt.verdict === 'ok'; })")
    visit(visitor)
    box.fates["websocket"] = "pass"
    box.client_address = ELSEWHERE
    visitor.run("window.since = Date.now()")
    box.change(sse="drop")  # the old network's connections break
    box.change(sse="pass")
    visitor.until("return used[0] === 'websocket'")
    assert visitor.run("return used[1]") <= NOTICED_MS
    # Here the next visit begins with the WebSocket, and at home as it was there.
    visitor.until("return wire.attempts[wire.attempts.length - 1].verdict === 'ok'")
    assert visit(visitor)[2] == ["websocket"]
    box.client_address = HOME
    box.change(websocket="swallow")
    assert visit(visitor)[2] == ["sse"]
