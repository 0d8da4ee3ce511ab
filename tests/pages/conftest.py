"""A real browser for the pages."""

import os
import shutil
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.pages.browser import CHROMEDRIVER, HEADLESS_SHELL, Visitor, start_chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    if not HEADLESS_SHELL.exists() or shutil.which(CHROMEDRIVER) is None:
        if "chromium" in os.environ.get("ANYWIRE_TEST_REQUIRE", ""):
            pytest.fail("chromium-headless-shell and its driver must be there")
        pytest.skip("no chromium-headless-shell with its driver here")
    driver = start_chromium()
    yield driver
    driver.quit()


@pytest.fixture
def visitor(browser: Chrome, server) -> Visitor:
    """A visitor whom the server has never seen, on a page that loads at once."""
    browser.delete_all_cookies()
    return Visitor(browser, server.url)
