"""An import and a vote in Firefox and in WebKit, from the empty form to the end."""

from collections.abc import Callable

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browsers.engines import start_firefox, start_webkit
from tests.pages.asking import ask, write_orders
from tests.pages.browser import Visitor


@pytest.mark.parametrize("start", [start_firefox, start_webkit], ids=["firefox", "webkit"])
def test_a_file_is_imported_and_a_question_is_voted_on(server, tmp_path, start: Callable[[], WebDriver]):
    driver = start()
    try:
        visitor = Visitor(driver, server.url)
        driver.get(f"{server.url}/progress?lang=en")
        visitor.find("#file").send_keys(str(write_orders(tmp_path / "orders.csv", 300, range(5, 300, 50))))
        visitor.until("return document.getElementById('chosen-fields').textContent !== ''")
        visitor.find("#start").click()
        visitor.until("return document.getElementById('job-card').getAttribute('data-state') === 'done'")
        assert "294 rows imported and 6 refused" in visitor.find("#job-end").text
        visitor.until("return document.querySelectorAll('#refused li').length === 6")

        driver.get(f"{server.url}/vote?lang=en")
        visitor.find("#question").send_keys("Where to?")
        visitor.find("#choices input").click()
        visitor.keys("Here", Keys.ENTER, "There", Keys.ENTER, "Nowhere")
        visitor.find("#make").click()
        visitor.until("return !!document.getElementById('ballot') && document.documentElement.dataset.anywireState === 'open'")
        visitor.find("#choices li:nth-child(3) input").click()
        visitor.until("return document.getElementById('ballot').getAttribute('data-own') === 'counted'")
        vote = driver.current_url.rpartition("/")[2]
        ask(server.url, "PUT", f"/v1/votes/{vote}/ballot", {"choices": [0]})
        visitor.until("return document.getElementById('voters').textContent === '2 people have voted.'")
    finally:
        driver.quit()
