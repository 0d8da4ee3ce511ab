"""A real browser for the pages."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.pages.browser import Visitor, start_chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    driver = start_chromium()
    yield driver
    driver.quit()


@pytest.fixture
def visitor(browser: Chrome, server) -> Visitor:
    """A visitor whom the server has never seen, on a page that loads at once."""
    browser.delete_all_cookies()
    return Visitor(browser, server.url)
