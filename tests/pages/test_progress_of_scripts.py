"""Jobs that somebody's script reports, on the page of jobs."""

import itertools
import re

from tests.pages.asking import ask, cookie_of, quiet_console
from tests.pages.browser import Visitor
from tests.pages.importing import job_id, wait_for_state

__all__ = ["quiet_console"]


class TestScripts:
    """Jobs that somebody's script reports."""

    numbers = itertools.count(1)

    def make(self, base: str, cookie: str = "", **fields: object) -> tuple[str, str]:
        made = ask(base, "POST", "/v1/jobs", {"title": f"Job {next(self.numbers)} <b>", **fields}, cookie=cookie)
        return made["id"], made["key"]

    def test_is_shown_by_its_link_as_it_goes_on(self, visitor):
        id, key = self.make(visitor.base, total=40, unit="pages")
        visitor.driver.get(f"{visitor.base}/progress?job={id}")
        for done in (5, 30):
            ask(visitor.base, "PATCH", f"/v1/jobs/{id}", {"done": done, "note": f"at page {done}"}, key=key)
            visitor.until("return document.getElementById('job-note').textContent === arguments[0]", f"at page {done}")
        visitor.until("return document.getElementById('job-percent').textContent === '75%'")
        assert "30 of 40 pages" in visitor.find("#job-facts").text
        assert "<b>" in visitor.find("#title").text
        ask(visitor.base, "PATCH", f"/v1/jobs/{id}", {"state": "done"}, key=key)
        wait_for_state(visitor, "done")
        assert visitor.find("#job-end").text.startswith("Done in ")
        assert not visitor.find("#rows-part").is_displayed() and not visitor.find("#report").is_displayed()

    def test_without_a_total_the_bar_doesnt_pretend(self, visitor):
        id, key = self.make(visitor.base)
        ask(visitor.base, "PATCH", f"/v1/jobs/{id}", {"done": 7}, key=key)
        visitor.driver.get(f"{visitor.base}/progress?job={id}")
        assert visitor.find("#job-bar").get_attribute("aria-valuenow") is None
        assert visitor.find("#job-percent").text == ""
        ask(visitor.base, "PATCH", f"/v1/jobs/{id}", {"state": "failed", "note": "the disk is full"}, key=key)
        wait_for_state(visitor, "failed")
        assert visitor.find("#job-note").text == "the disk is full"

    def test_anyone_may_cancel_where_it_says_so(self, visitor):
        id, _ = self.make(visitor.base, cancellable="anyone")
        visitor.driver.get(f"{visitor.base}/progress?job={id}")
        visitor.find("#cancel").click()
        wait_for_state(visitor, "cancelled")
        assert ask(visitor.base, "GET", f"/v1/jobs/{id}")["state"] == "cancelled"

    def test_a_list_of_the_visitors_own_running_and_past(self, visitor):
        visitor.driver.get(f"{visitor.base}/progress")
        cookie = cookie_of(visitor)
        self.make(visitor.base)  # somebody else's
        past, key = self.make(visitor.base, cookie)
        ask(visitor.base, "PATCH", f"/v1/jobs/{past}", {"state": "done"}, key=key)
        now, key = self.make(visitor.base, cookie, total=10)
        visitor.driver.refresh()
        visitor.until("return document.querySelectorAll('#jobs li').length === 2")
        states = "return Array.prototype.map.call(document.querySelectorAll('#jobs li'), function (li) { return li.dataset.state; })"
        assert visitor.run(states) == ["running", "done"]
        ask(visitor.base, "PATCH", f"/v1/jobs/{now}", {"done": 4}, key=key)
        visitor.until("return document.querySelector('#jobs li').innerText.indexOf('4 of 10') > 0")
        visitor.find("#jobs li a").click()
        visitor.until("return document.getElementById('job').offsetWidth > 0")
        assert job_id(visitor) == now
        visitor.until("return document.querySelector('#jobs a[aria-current]') !== null")

    def test_a_silent_worker_is_said(self, start_server, browser):
        server = start_server(job_stalled_s=1)
        visitor = Visitor(browser, server.url)
        id, key = self.make(server.url, total=10)
        visitor.driver.get(f"{server.url}/progress?job={id}&lang=en")
        wait_for_state(visitor, "stalled")
        assert re.fullmatch(r"nothing heard since \d\d:\d\d:\d\d", visitor.find("#job-when").text)
        assert visitor.find("#job-facts").text == "0 of 10"
        ask(server.url, "PATCH", f"/v1/jobs/{id}", {"done": 3}, key=key)
        wait_for_state(visitor, "running")
