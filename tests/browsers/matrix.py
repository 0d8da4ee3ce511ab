"""Runs cells side by side: so many browsers of each kind, each for one cell after the other."""

import json
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver
from urllib3.exceptions import HTTPError

from tests.browsers.boxes import BOXES, Way
from tests.browsers.cells import NETWORKS, Cell
from tests.browsers.engines import start
from tests.browsers.talk import new_channel
from tests.browsers.trial import Result, Trial
from tests.running import Server

RESULTS = Path(__file__).resolve().parents[2] / "build" / "browsers.json"
SIDE_BY_SIDE = {"chromium": 4, "firefox": 1, "webkit": 1, "phantomjs": 1, "edbrowse": 1}

FRESH = {"remember": False}
"""Each start is a first one: nothing is known of the network."""


class Worker(threading.Thread):
    """One browser, kept from cell to cell; a cell behind a forward proxy gets one of its own."""

    def __init__(self, browser: str, server: Server, cells: "deque[Cell]", results: dict[str, Result]):
        super().__init__(daemon=True)
        self._browser = browser
        self._server = server
        self._cells = cells
        self._results = results
        self._driver: WebDriver | None = None

    def run(self) -> None:
        try:
            while True:
                try:
                    cell = self._cells.popleft()
                except IndexError:
                    return
                self._results[cell.id] = self._result(cell)
        finally:
            self._end()

    def _result(self, cell: Cell) -> Result:
        network = NETWORKS[cell.network]
        try:
            with BOXES[network.box](self._server, network.setting) as way:
                if not way.proxy:
                    return self._tried(cell, self._fresh(), way)
                own = start(self._browser, way.proxy)
                try:
                    return self._tried(cell, own, way)
                finally:
                    own.quit()
        except (pytest.skip.Exception, pytest.fail.Exception) as absent:
            return Result(absent=absent)
        except (OSError, AssertionError) as error:
            return Result(error=f"{type(error).__name__}: {error}")

    def _tried(self, cell: Cell, driver: WebDriver, way: Way) -> Result:
        trial = Trial(cell, driver, way, new_channel(), FRESH)
        try:
            return trial.run()
        except (WebDriverException, HTTPError, OSError, AssertionError) as error:
            self._end()  # the next cell gets a browser that answers
            trial.result.error = f"{type(error).__name__}: {error}"
            return trial.result

    def _fresh(self) -> WebDriver:
        """The browser with a tab of its own: Chromium holds WebSockets back, by up to 5 s, where many failed in a process before."""
        if self._driver is None:
            self._driver = start(self._browser)
        elif self._browser == "chromium":
            old = self._driver.current_window_handle
            self._driver.switch_to.new_window("tab")
            new = self._driver.current_window_handle
            self._driver.switch_to.window(old)
            self._driver.close()
            self._driver.switch_to.window(new)
        return self._driver

    def _end(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            with suppress(WebDriverException, HTTPError, OSError):
                driver.quit()


def run(cells: Iterable[Cell], server: Server) -> dict[str, Result]:
    """By the cells' ids, the slow ones begun first."""
    results: dict[str, Result] = {}
    workers = []
    for browser, count in SIDE_BY_SIDE.items():
        queue = deque(sorted((cell for cell in cells if cell.browser == browser), key=lambda cell: -NETWORKS[cell.network].round_trip_s))
        workers += [Worker(browser, server, queue, results) for _ in range(min(count, len(queue)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


def keep(results: dict[str, Result]) -> None:
    """Beside what earlier runs saw of other cells; the table is made of it."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for id, result in results.items():
        kept[id] = {name: value for name, value in asdict(result).items() if name != "absent"}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1))
