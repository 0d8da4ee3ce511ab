"""One cell: so many starts of a page, each timed, and on the last one messages both ways, through what the network does to them."""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from selenium.webdriver.remote.webdriver import WebDriver

from tests.browsers.boxes import Way
from tests.browsers.cells import NETWORKS, Cell
from tests.browsers.talk import Other

PAGE = Path(__file__).with_name("page.js").read_text()
NEEDS = {"websocket": "WebSocket", "sse": "EventSource"}
MESSAGES = 50
EVERY_S = 0.02
STRIKE_AT = 20
FIRST_S = 15.0
SETTLED_S = 30.0
"""A wire that says nothing at all is given up after 10 s; a box that cuts at a time is known after three cuts."""
DELIVERED_S = 40.0
"""A browser may try each of the frozen connections in its pool, one after the other."""
LOOK_S = 0.05
NO_FAILURE = ("ok", "usable", "slower", "superseded", "closed", "")


def endings(seen: dict) -> list[str]:
    """The verdicts without the transports' names."""
    return [word.partition(".")[2] or word for word in seen["verdicts"]]


def percentile(values: Iterable[float], share: float) -> float:
    """The least of *values* that so large a share of them doesn't exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass
class Result:
    """What was seen; all of it is JSON."""

    first_ms: list[float] = field(default_factory=list)
    first_transports: list[str] = field(default_factory=list)
    transport: str = ""
    settled_s: float = 0
    verdicts: list[str] = field(default_factory=list)
    """Of the wires that failed."""
    offsets: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    acknowledged: int = 0
    refused: list[object] = field(default_factory=list)
    log_offsets: list[int] = field(default_factory=list)
    log_texts: list[str] = field(default_factory=list)
    took_s: float = 0
    error: str = ""
    attempts: list[dict] = field(default_factory=list)
    absent: BaseException | None = None
    """Said by a browser or a box that isn't there."""


class Trial:
    def __init__(self, cell: Cell, driver: WebDriver, way: Way, channel: str, options: dict[str, object] | None = None):
        self._cell = cell
        self._driver = driver
        self._way = way
        self._network = NETWORKS[cell.network]
        self._channel = channel
        self._options = options or {}
        self.result = Result()

    def run(self) -> Result:
        since = time.monotonic()
        with closing(Other(self._way.server, self._channel)) as other:
            other.publish("before")
            for _ in range(self._cell.starts):
                self._start()
            if self._network.strike:
                self.until(lambda seen: "ok" in endings(seen), SETTLED_S)
                self._talk(other)
                self._settle()
            else:
                self._settle()
                if not self._cell.transport:
                    self._way.hostile.mode = self._network.afterwards
                    self.until(lambda seen: seen["firstMs"] > 0, FIRST_S)
                self._talk(other)
            self._close(other)
        self.result.took_s = time.monotonic() - since
        return self.result

    def load(self) -> None:
        """A page of a visitor whom the server has never seen, ready to begin."""
        box = self._way.hostile
        if self._network.loads_before:
            box.mode = "pass"
        self._driver.delete_all_cookies()
        self._driver.get(self._way.base + self._cell.page)
        lacking = [NEEDS[name] for name in self._cell.lacking]
        self._driver.execute_script(PAGE, self._way.base, self._channel, lacking, self._options)
        self.until(lambda seen: seen["isReady"], FIRST_S)
        if self._network.loads_before:
            box.mode = self._network.setting
            box.cut_all()

    def _start(self) -> None:
        """Until the first message is there."""
        self.load()
        self._driver.execute_script("window.matrix.begin();")
        if self._cell.transport:
            seen = self.until(lambda seen: seen["firstMs"] > 0, FIRST_S)
            self.result.first_ms.append(seen["firstMs"])
            self.result.first_transports.append(seen["transport"])

    def look(self) -> dict:
        return self._driver.execute_script("return window.matrix.look();")

    def until(self, is_so: Callable[[dict], bool], wait_s: float) -> dict:
        """What is seen as soon as it is so, or when the time is over."""
        deadline = time.monotonic() + wait_s
        while not is_so(seen := self.look()) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        return seen

    def _settle(self) -> None:
        """Until it is where it should be, for the reasons that it should have, or the time is over."""
        transports = self._cell.transport or ("",)
        since = time.monotonic()
        seen = self.until(lambda seen: seen["transport"] in transports and self._cell.verdicts <= set(seen["ended"]), SETTLED_S)
        self.result.settled_s = time.monotonic() - since
        self.result.transport = seen["transport"]

    def _talk(self, other: Other) -> None:
        self._driver.execute_script("window.matrix.publish(arguments[0], arguments[1]);", MESSAGES, EVERY_S * 1000)
        other.publish_each(MESSAGES, EVERY_S, self._strike)
        self.until(lambda seen: seen["count"] > 2 * MESSAGES and seen["acknowledged"] >= MESSAGES, DELIVERED_S)

    def _close(self, other: Other) -> None:
        """Takes down what the page has seen, and what the log has."""
        seen = self.look()
        self.result.verdicts = sorted({word for word in seen["verdicts"] if (word.partition(".")[2] or word) not in NO_FAILURE})
        self.result.acknowledged = seen["acknowledged"]
        told = self._driver.execute_script("var told = window.matrix.tell(); window.matrix.wire.close(); return told;")
        self.result.offsets, self.result.texts = told["offsets"], told["texts"]
        self.result.refused, self.result.attempts = told["refused"], told["attempts"]
        self.result.log_offsets, self.result.log_texts = other.log()

    def _strike(self, number: int) -> None:
        strike, box = self._network.strike, self._way.hostile
        if number != STRIKE_AT or not strike:
            return
        if strike == "restart":
            self._way.server.stop()
            self._way.server.start()
        else:
            box.mode = self._network.afterwards
            (box.cut_all if strike == "cut" else box.freeze_all)()
