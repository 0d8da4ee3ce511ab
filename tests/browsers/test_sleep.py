"""Pages that were frozen, kept, offline, hidden or suspended have caught up a second after they are back."""

import time
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.browsers.sleep import CAUGHT_UP_MS, COUNT, Sleeper, freeze, start_whole_chromium
from tests.browsers.switching_box import TRANSPORTS, SwitchingBox
from tests.pages.asking import ask
from tests.pages.browser import Visitor
from tests.pages.voting import TALLY, cast, make, wait_for_tally
from tests.running import Server

FREEZE_S = 5  # five minutes are `python -m tests.browsers.sleep`
KEPT = "window.addEventListener('pageshow', function (event) { window.wasKept = event.persisted; window.backMs = Date.now(); }, true)"


@pytest.fixture(scope="module")
def whole() -> Iterator[Chrome]:
    driver = start_whole_chromium()
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def calm() -> Iterator[Server]:
    """A server with the usual times: no heartbeat or end of a hold comes to a test's help."""
    running = Server().start()
    yield running
    running.close()
    assert running.tracebacks() == []


@pytest.mark.parametrize("is_cut", [True, False])
def test_frozen_pages(calm, whole, is_cut):
    took = freeze(calm, whole, FREEZE_S, is_cut=is_cut)
    assert set(took) == set(TRANSPORTS)
    assert max(took.values()) <= CAUGHT_UP_MS, took


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_chat_comes_back_from_the_back_forward_cache(calm, whole, transport):
    sleeper = Sleeper(whole, calm, f"kept-{transport}")
    visitor = sleeper.come(calm.url, "pageshow", f"?transport={transport}")
    whole.get(f"{calm.url}/healthz")
    sleeper.say("meanwhile", COUNT)
    whole.back()
    assert visitor.run("return window.wasKept") is True
    assert sleeper.caught_up_ms() <= CAUGHT_UP_MS


def caught_up_ms(visitor: Visitor, shows: str, *arguments: object) -> float:
    """How long after its return from the back-forward cache *shows* is true, looked at every 50 ms."""
    visitor.driver.back()
    assert visitor.run("return window.wasKept") is True
    visitor.until(shows, *arguments)
    return float(str(visitor.run("return Date.now() - window.backMs")))


def test_a_job_comes_back_from_the_back_forward_cache(calm, whole):
    job = ask(calm.url, "POST", "/v1/jobs", {"title": "Rows", "total": 100})
    visitor = Visitor(whole, calm.url)
    visitor.open(f"/progress?job={job['id']}")
    shows = "return document.getElementById('job-bar').getAttribute('aria-valuenow') === arguments[0]"
    ask(calm.url, "PATCH", f"/v1/jobs/{job['id']}", {"done": 10}, key=job["key"])
    visitor.until(shows, "10")
    visitor.run(KEPT)
    whole.get(f"{calm.url}/healthz")
    ask(calm.url, "PATCH", f"/v1/jobs/{job['id']}", {"done": 60}, key=job["key"])
    assert caught_up_ms(visitor, shows, "60") <= CAUGHT_UP_MS


def test_a_vote_comes_back_from_the_back_forward_cache(calm, whole):
    vote = make(calm.url)
    visitor = Visitor(whole, calm.url)
    visitor.open(f"/vote/{vote}")
    cast(calm.url, vote, 1)
    wait_for_tally(visitor, 0, 1, 0)
    visitor.run(KEPT)
    whole.get(f"{calm.url}/healthz")
    cast(calm.url, vote, 2)
    cast(calm.url, vote, 1)
    shows = f"return (function () {{ {TALLY} }}()).join() === arguments[0]"
    assert caught_up_ms(visitor, shows, "0,2,1") <= CAUGHT_UP_MS


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_offline_and_online(calm, whole, transport):
    sleeper = Sleeper(whole, calm, f"offline-{transport}")
    with SwitchingBox(calm.port) as box:
        visitor = sleeper.come(box.url, "online", f"?transport={transport}")
        network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        whole.execute_cdp_cmd("Network.enable", {})
        whole.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **network})
        box.change(all="drop")
        visitor.until("return document.documentElement.getAttribute('data-anywire-state') !== 'open'")
        sleeper.say("meanwhile", COUNT)
        box.change(all="pass")
        whole.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **network})
        assert sleeper.caught_up_ms() <= CAUGHT_UP_MS
        whole.get("about:blank")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_jump_of_the_clock_is_a_machine_that_slept(calm, whole, transport):
    sleeper = Sleeper(whole, calm, f"suspended-{transport}")
    with SwitchingBox(calm.port) as box:
        visitor = sleeper.come(box.url, "jump", f"?transport={transport}")
        box.mute()  # the address has changed meanwhile: nobody tells the page that its wires lead nowhere
        sleeper.say("meanwhile", COUNT)
        visitor.run(
            "var now = Date.now, Own = Date; window.dispatchEvent(new Event('jump'));"
            "Date = function (value) { return arguments.length ? new Own(value) : new Own(now() + 600000); };"
            "Date.now = now; Date.prototype = Own.prototype;"
        )
        assert sleeper.caught_up_ms() <= CAUGHT_UP_MS
        whole.get("about:blank")


def hide(visitor: Visitor) -> None:
    visitor.driver.minimize_window()
    visitor.until("return document.hidden")


def seek(visitor: Visitor) -> None:
    visitor.driver.set_window_rect(0, 0, 1000, 800)
    visitor.until("return !document.hidden")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_hidden_tab_without_a_network_catches_up_when_it_is_seen(calm, whole, transport):
    sleeper = Sleeper(whole, calm, f"hidden-{transport}")
    with SwitchingBox(calm.port) as box:
        visitor = sleeper.come(box.url, "visibilitychange", f"?transport={transport}")
        hide(visitor)
        box.change(all="drop")
        visitor.until("return document.documentElement.getAttribute('data-anywire-state') !== 'open'", wait_s=20)
        sleeper.say("meanwhile", COUNT)
        box.change(all="pass")
        seek(visitor)
        assert sleeper.caught_up_ms(slept=False) <= CAUGHT_UP_MS
        whole.get("about:blank")


def test_a_hidden_tab_asks_less_often_and_at_once_when_it_is_seen(start_server, whole):
    server = start_server(poll_s=0.5)
    sleeper = Sleeper(whole, server, "polite")
    with SwitchingBox(server.port) as box:
        visitor = sleeper.come(box.url, "visibilitychange", "?transport=short-poll")

        def asked_in_s(count: int) -> float:
            """How long the page takes to ask so often."""
            least, since = box.seen.count("short-poll") + count, time.monotonic()
            while box.seen.count("short-poll") < least:
                time.sleep(0.02)
                assert time.monotonic() < since + 30
            return time.monotonic() - since

        seen_s = asked_in_s(3)
        hide(visitor)
        asked_in_s(1)  # that one was under way
        assert asked_in_s(2) > seen_s * 2
        sleeper.say("meanwhile", COUNT)
        seek(visitor)
        assert sleeper.caught_up_ms(slept=False) <= CAUGHT_UP_MS / 2
        whole.get("about:blank")
