"""Pages that sleep, and how soon they have caught up.

    .venv/bin/python -m tests.browsers.sleep --freeze-s 300

Method: a window for each transport, each on a room of its own behind a box of its own. All are frozen (CDP,
`Page.setWebLifecycleState`), their connections are cut, and messages are published meanwhile. After the time they are
made active, one after the other: how long after its `resume` event does each show the last message, and does it show all
of them, once and in order? Needs a whole Chromium: its headless shell neither freezes nor has a back-forward cache.
"""

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.browsers.switching_box import TRANSPORTS, SwitchingBox
from tests.pages.browser import ARGUMENTS, CHROMEDRIVER, Visitor, publish
from tests.required import missing
from tests.running import Server

CHROMIUM = Path("/usr/lib/chromium/chromium")  # the one in /usr/bin is a wrapper that leaves processes behind
COUNT = 20  # messages that are missed
CAUGHT_UP_MS = 1000
# When the page was back, and when each message was shown, by one clock.
WATCH = """
window.shownMs = {};
window.addEventListener(arguments[0], function (event) { window.backMs = Date.now(); window.wasKept = event.persisted; }, true);
new MutationObserver(function () {
  var texts = document.querySelectorAll('#messages [data-offset] .text');
  for (var i = 0; i < texts.length; i += 1) { shownMs[texts[i].textContent] = shownMs[texts[i].textContent] || Date.now(); }
}).observe(document.getElementById('messages'), {childList: true, subtree: true});
"""


def start_whole_chromium() -> Chrome:
    options = ChromeOptions()
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (*ARGUMENTS, "--headless=new"):
        options.add_argument(argument)
    service = None
    if CHROMIUM.exists() and Path(CHROMEDRIVER).exists():
        options.binary_location = str(CHROMIUM)
        service = Service(CHROMEDRIVER)
    try:
        return Chrome(options=options, service=service)
    except WebDriverException as error:
        missing("chromium", f"Chromium ({error.msg})")


class Sleeper:
    """A visitor of a room who is away for a while, and then has to know what was said meanwhile."""

    def __init__(self, driver: Chrome, server: Server, room: str):
        self.driver = driver
        self._server = server
        self._room = room
        self._said: list[str] = []

    def come(self, base: str, back: str, query: str = "") -> Visitor:
        """*back* is the event of the window or document by which the page learns that it is back."""
        self.visitor = Visitor(self.driver, base)
        self.visitor.open_room(self._room, query)
        self.say("before")
        self.visitor.wait_for("before 0")
        self.visitor.run(WATCH, back)
        return self.visitor

    def say(self, what: str, count: int = 1) -> None:
        """By somebody else, straight to the server."""
        texts = [f"{what} {number}" for number in range(count)]
        publish(self._server.url, self._room, *texts)
        self._said += texts

    def caught_up_ms(self, *, slept: bool = True) -> float:
        """How long after its return the page showed the last of what was said; it has to show all, once and in order."""
        self.visitor.wait_for(self._said[-1])
        first_ms, last_ms = (
            float(str(self.visitor.run("return shownMs[arguments[0]] - backMs", text))) for text in (self._said[1], self._said[-1])
        )
        assert first_ms >= 0 or not slept, "it was to be asleep"
        self.say("after")
        self.visitor.wait_for("after 0")
        assert self.visitor.texts() == self._said
        return last_ms


def freeze(server: Server, driver: Chrome, seconds: float, *, is_cut: bool = True) -> dict[str, float]:
    """For each transport how many ms it took to catch up; *is_cut*: the page can learn that its wires are dead."""
    first = driver.current_window_handle
    took: dict[str, float] = {}
    with ExitStack() as stack:
        sleepers: dict[str, tuple[Sleeper, str]] = {}
        boxes = [stack.enter_context(SwitchingBox(server.port)) for _ in TRANSPORTS]
        for transport, box in zip(TRANSPORTS, boxes, strict=True):
            driver.switch_to.new_window("window")
            sleepers[transport] = Sleeper(driver, server, f"frozen-{transport}-{is_cut}"), driver.current_window_handle
            sleepers[transport][0].come(box.url, "resume", f"?transport={transport}")
        for sleeper, window in sleepers.values():
            driver.switch_to.window(window)
            driver.minimize_window()
            driver.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "frozen"})
            sleeper.say("meanwhile", COUNT)  # brought to the page, which doesn't look
        for box in boxes:
            if is_cut:
                box.change(all="drop")
            else:
                box.mute()
        time.sleep(seconds)  # what is tested is this time
        for sleeper, _ in sleepers.values():
            sleeper.say("at last")
        for box in boxes:
            box.change(all="pass")
        for transport, (sleeper, window) in sleepers.items():
            driver.switch_to.window(window)
            driver.set_window_rect(0, 0, 1000, 800)  # somebody looks at it
            driver.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "active"})
            took[transport] = sleeper.caught_up_ms()
            driver.close()
        driver.switch_to.window(first)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--freeze-s", type=float, default=300)
    given = parser.parse_args()
    server = Server().start()
    driver = start_whole_chromium()
    try:
        took = freeze(server, driver, given.freeze_s)
    finally:
        driver.quit()
        server.close()
    print(f"after {given.freeze_s:.0f} s: " + ", ".join(f"{transport} {ms:.0f} ms" for transport, ms in took.items()))
    return max(took.values()) > CAUGHT_UP_MS


if __name__ == "__main__":
    raise SystemExit(main())
