"""The chat in real browsers: every transport, forced, found by what the browser lacks, or left by the network."""

import time
from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browsers.engines import start_firefox, start_webkit
from tests.browsers.hostile import Hostile
from tests.pages.browser import Visitor, start_chromium

TRANSPORTS = ("websocket", "sse", "long-poll", "short-poll")
WITHOUT = {
    "websocket": "delete window.WebSocket;",
    "sse": "delete window.WebSocket; delete window.EventSource;",
}


@pytest.fixture(scope="module")
def other_browser() -> Iterator[WebDriver]:
    """A second browser, with a profile of its own."""
    driver = start_chromium()
    yield driver
    driver.quit()


@pytest.fixture
def other(other_browser, server) -> Visitor:
    other_browser.delete_all_cookies()
    return Visitor(other_browser, server.url)


@pytest.fixture
def without(browser) -> Iterator[Callable[[str], None]]:
    """Takes features away from every page that is opened from now on."""
    added: list[str] = []

    def take(script: str) -> None:
        answer = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        added.append(answer["identifier"])

    yield take
    for identifier in added:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier})


def transport(visitor: Visitor) -> str:
    return str(visitor.run("return document.documentElement.getAttribute('data-anywire-transport')"))


def until_transport(visitor: Visitor, name: str, wait_s: float = 10) -> None:
    visitor.until("return document.documentElement.getAttribute('data-anywire-transport') === arguments[0]", name, wait_s=wait_s)


def talk(one: Visitor, two: Visitor, round: str) -> None:
    """Each says something, and both see both, in the same order."""
    one.say(f"one {round}")
    two.wait_for(f"one {round}")
    two.say(f"two {round}")
    one.wait_for(f"two {round}")
    two.wait_for(f"two {round}")
    assert one.texts()[-2:] == two.texts()[-2:] == [f"one {round}", f"two {round}"]


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_forced_transport_chats_through_reload_and_restart(start_server, browser, other_browser, name):
    server = start_server(hold_s=2, heartbeat_s=1, poll_s=0.2)
    one, two = Visitor(browser, server.url), Visitor(other_browser, server.url)
    one.open_room("forced", f"?transport={name}")
    two.open_room("forced")
    assert (transport(one), transport(two)) == (name, "websocket")
    talk(one, two, "at first")
    one.driver.refresh()
    one.until("return !!document.querySelector('#messages .joined')")
    talk(one, two, "after a reload")
    server.kill()
    one.say("while it is down")
    server.start()
    two.wait_for("while it is down")
    one.wait_for("while it is down")
    talk(one, two, "after a restart")
    assert one.texts() == two.texts()
    assert [text for text in one.texts() if "down" in text] == ["while it is down"]
    assert transport(one) == name


@pytest.mark.parametrize(("lacking", "expected"), [("websocket", "sse"), ("sse", "long-poll")])
def test_what_the_browser_lacks_is_passed_over(visitor, other, without, lacking, expected):
    without(WITHOUT[lacking])
    visitor.errors()  # those of earlier tests
    visitor.open_room(f"lacking-{lacking}")
    other.open_room(f"lacking-{lacking}")
    assert transport(visitor) == expected
    talk(visitor, other, "and back")
    assert visitor.errors() == []


def test_two_tabs_on_long_poll_see_each_other_at_once(visitor):
    visitor.open_room("tabs", "?transport=long-poll")
    first = visitor.driver.current_window_handle
    visitor.driver.switch_to.new_window("tab")
    try:
        visitor.open_room("tabs", "?transport=long-poll")
        for number in range(3):
            visitor.driver.switch_to.window(first)
            visitor.run(
                "window.seenAt = 0; new MutationObserver(function () {"
                " if (!window.seenAt && document.getElementById('messages').textContent.indexOf(arguments[0]) >= 0)"
                " { window.seenAt = Date.now(); } }.bind(null, arguments[0]))"
                ".observe(document.getElementById('messages'), {childList: true, subtree: true, characterData: true});".replace(
                    "indexOf(arguments[0])", f"indexOf('line {number}')"
                )
            )
            visitor.driver.switch_to.window(visitor.driver.window_handles[-1])
            visitor.find("#text").send_keys(f"line {number}")
            sent_at = visitor.run("var now = Date.now(); document.getElementById('send').click(); return now;")
            visitor.wait_for(f"line {number}")
            visitor.driver.switch_to.window(first)
            visitor.wait_for(f"line {number}")
            seen_at = visitor.run("return window.seenAt")
            assert seen_at and seen_at - sent_at <= 300
    finally:
        visitor.driver.switch_to.window(visitor.driver.window_handles[-1])
        visitor.driver.close()
        visitor.driver.switch_to.window(first)


@pytest.mark.parametrize("mode", ["hang-ws", "101-then-silence", "deny-ws"])
def test_a_network_that_swallows_websockets_costs_no_second_and_no_second_identity(browser, other, server, mode):
    with Hostile(server.port, mode) as network:
        visitor = Visitor(browser, network.url)
        browser.delete_all_cookies()
        browser.get(network.url + "/healthz")
        browser.execute_script("try { localStorage.clear(); } catch (e) {}")
        room = f"fresh-{mode}"
        since = time.monotonic()
        visitor.open(f"/chat/{room}")
        for number in range(5):
            visitor.find("#text").send_keys(f"at once {number}\n")
        other.open_room(room)
        for number in range(5):
            other.wait_for(f"at once {number}")
        assert time.monotonic() - since < 10
        users = other.run(
            "var xhr = new XMLHttpRequest(); xhr.open('GET', '../v1/history?channel=chat:' + arguments[0], false); xhr.send();"
            " return JSON.parse(xhr.responseText).messages.map(function (message) { return message.user.id; });",
            room,
        )
        assert len(users) == 5 and len(set(users)) == 1
        until_transport(visitor, "sse")


@pytest.mark.parametrize("start", [start_firefox, start_webkit])
def test_other_engines_chat_over_every_transport(server, other, start):
    driver = start()
    try:
        visitor = Visitor(driver, server.url)
        room = start.__name__.replace("_", "-")
        other.open_room(room)
        visitor.open_room(room)
        assert transport(visitor) == "websocket"
        talk(visitor, other, "by itself")
        for name in TRANSPORTS:
            visitor.open_room(room, f"?transport={name}")
            assert transport(visitor) == name
            talk(visitor, other, name)
    finally:
        driver.quit()
