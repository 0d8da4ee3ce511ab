"""Chat and votes in Chromium without what old engines lack: see strip.js."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.pages.asking import ask
from tests.pages.browser import Visitor, publish, start_chromium
from tests.pages.voting import cast, choose, make, wait_for_tally, wait_until

STRIP = Path(__file__).with_name("strip.js").read_text(encoding="utf-8")
LACKING = """
return [!window.isStripped, window.Promise, window.fetch, window.addEventListener, document.addEventListener, window.MutationObserver,
  document.body.addEventListener, document.body.classList, window.performance, window.crypto, Function.prototype.bind, [].find,
  (function () { try { return window.localStorage; } catch (forbidden) { return undefined; } }())
].map(Boolean).indexOf(true);
"""


@pytest.fixture(scope="module")
def poor(server) -> Iterator[Visitor]:
    driver = start_chromium()
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": STRIP})
    visitor = Visitor(driver, server.url)
    visitor.screen(1280, 900)
    yield visitor
    driver.quit()


@pytest.fixture(autouse=True)
def no_errors(poor) -> Iterator[None]:
    poor.errors()
    yield
    assert [line for line in poor.errors() if "favicon" not in line] == []


@pytest.mark.parametrize("transport", ["websocket", "sse", "long-poll", "short-poll"])
def test_a_conversation(poor, transport):
    room = f"poor-{transport}"
    publish(poor.base, room, "said before", name="Ann")
    poor.open_room(room, f"?transport={transport}")
    assert poor.run(LACKING) == -1
    assert poor.run("return document.documentElement.getAttribute('data-anywire-transport')") == transport
    poor.say("from a poor engine")
    poor.wait_for("from a poor engine")
    poor.until("return document.querySelectorAll('#messages .unsent').length === 0")
    publish(poor.base, room, "said after")
    poor.wait_for("said after")
    assert poor.texts() == ["said before", "from a poor engine", "said after"]
    said = [message["data"]["text"] for message in ask(poor.base, "GET", f"/v1/history?channel=chat:{room}")["messages"]]
    assert said == poor.texts()


def test_by_itself_it_takes_the_best_and_the_panel_and_name_work(poor):
    poor.open_room("poor-auto")
    assert poor.run("return document.documentElement.getAttribute('data-anywire-transport')") == "websocket"
    poor.find("#transport").click()
    assert "WebSocket" in poor.find("#transport-attempts").text
    poor.keys(Keys.ESCAPE)
    poor.find("#name-edit").click()
    poor.keys("Otter", Keys.ENTER)
    poor.until("return document.getElementById('name').textContent === 'Otter'")
    publish(poor.base, "poor-auto", *[f"line {number}" for number in range(80)])
    poor.wait_for("line 79")
    poor.driver.refresh()
    poor.until("return document.querySelectorAll('#messages .joined').length === 1")
    poor.run("document.getElementById('log').scrollTop = 0")
    poor.wait_for("line 0")


def test_a_vote(poor):
    vote = make(poor.base)
    poor.open(f"/vote/{vote}")
    choose(poor, 1)
    wait_until(poor, "counted")
    cast(poor.base, vote, 2)
    wait_for_tally(poor, 0, 1, 1)


def test_a_question(poor):
    poor.driver.get(f"{poor.base}/vote")
    poor.find("#question").send_keys("Where to?")
    poor.find("#choices input").send_keys("Here\nThere\nNowhere")
    poor.find("#make").click()
    poor.until("return !!document.getElementById('ballot') && document.documentElement.getAttribute('data-anywire-state') === 'open'")
    assert len(poor.driver.find_elements("css selector", "#choices li")) == 3


def test_an_import(poor):
    poor.driver.get(f"{poor.base}/progress")
    poor.find("#sample").click()
    poor.until("return document.getElementById('chosen').offsetWidth > 0")
    poor.find("#start").click()
    poor.until("return document.getElementById('job-card').getAttribute('data-state') === 'done'", wait_s=30)
    assert "396 rows imported and 4 refused" in poor.find("#job-end").text
    poor.until("return document.querySelectorAll('#refused li').length === 4")
