"""A minute behind a box that cuts each WebSocket 300 ms after its handshake, while both sides talk."""

import threading
import time
from contextlib import closing
from dataclasses import dataclass, field

from tests.browsers.boxes import BOXES, Way
from tests.browsers.cells import Cell
from tests.browsers.engines import start
from tests.browsers.talk import Other, new_channel
from tests.browsers.trial import DELIVERED_S, FIRST_S, Trial
from tests.running import Server

MINUTE_S = 60.0
EVERY_S = 0.5
MESSAGES = int(MINUTE_S / EVERY_S)
CELL = Cell("cut-after-300-ms", "chromium", "", ("sse",), frozenset(), frozenset())


@dataclass
class Minute:
    websockets: int = 0
    """Handshakes that reached the box."""
    changes: list[tuple[float, str]] = field(default_factory=list)
    """When which transport came into use, ms since connect()."""
    texts: list[str] = field(default_factory=list)
    log_texts: list[str] = field(default_factory=list)
    acknowledged: int = 0


def watch(server: Server) -> Minute:
    driver = start("chromium")
    try:
        with BOXES["hostile"](server, "101-then-cut:0.3") as way:
            return _watch(driver, way)
    finally:
        driver.quit()


def _watch(driver, way: Way) -> Minute:
    channel = new_channel()
    trial = Trial(CELL, driver, way, channel)
    with closing(Other(way.server, channel)) as other:
        other.publish("before")
        trial.load()
        since = time.monotonic()
        driver.execute_script("window.matrix.begin();")
        trial.until(lambda seen: seen["firstMs"] > 0, FIRST_S)  # it asks for the latest message, which has to be that from before
        driver.execute_script("window.matrix.publish(arguments[0], arguments[1]);", MESSAGES, EVERY_S * 1000)
        other.publish_each(MESSAGES, EVERY_S)
        trial.until(lambda seen: seen["count"] > 2 * MESSAGES and seen["acknowledged"] == MESSAGES, DELIVERED_S)
        assert time.monotonic() - since >= MINUTE_S
        told = driver.execute_script("return window.matrix.tell();")
        acknowledged = trial.look()["acknowledged"]
        log = other.log()[1]
    websockets = [target for at_s, target in way.hostile.requests if "/v1/websocket" in target and at_s - since <= MINUTE_S]
    return Minute(len(websockets), [(ms, name) for ms, name in told["changes"]], told["texts"], log, acknowledged)


class Watch(threading.Thread):
    """Beside the cells, as it takes a minute."""

    def __init__(self, server: Server):
        super().__init__(daemon=True)
        self._server = server
        self._seen: Minute | BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._seen = watch(self._server)
        except BaseException as error:  # noqa: BLE001 - a skip or a failure is that of the test, in its own thread
            self._seen = error

    def result(self) -> Minute:
        self.join()
        if isinstance(self._seen, BaseException):
            raise self._seen
        assert self._seen is not None
        return self._seen
