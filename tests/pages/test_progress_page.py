"""The page of jobs in Chromium, on a real server: a file becomes a job, and the job is shown to whoever has its link."""

import itertools
import re
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.pages.asking import WATCH_PRESS, acknowledged, ask, cookie_of, slow_network, write_orders
from tests.pages.browser import Visitor

BAD = range(60, 2000, 97)
MOST_SHOWN = 60
ROWS = "return Array.prototype.map.call(document.querySelectorAll(arguments[0] + ' li'), function (row) { return row.innerText; })"


@pytest.fixture(autouse=True)
def quiet_console(visitor):
    """Whatever a test does, no script breaks and the content security policy forbids nothing that the page does."""
    visitor.errors()
    visitor.screen(1280, 900)
    yield
    assert [line for line in visitor.errors() if "Content Security Policy" in line or "Uncaught" in line] == []


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    return write_orders(tmp_path / "orders.csv", 2000, BAD)


@pytest.fixture
def many_orders(tmp_path: Path) -> Path:
    return write_orders(tmp_path / "many.csv", 100_000, range(0))


def begin(visitor: Visitor, file: Path) -> None:
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#file").send_keys(str(file))
    visitor.find("#start").click()


def wait_for_state(visitor: Visitor, state: str) -> None:
    visitor.until("return document.getElementById('job-card').getAttribute('data-state') === arguments[0]", state, wait_s=60)


def wait_for_percent(visitor: Visitor, least: int) -> None:
    running = "document.getElementById('job-card').getAttribute('data-state') === 'running'"
    visitor.until(f"return {running} && Number(document.getElementById('job-bar').getAttribute('aria-valuenow')) >= arguments[0]", least)


def rows(visitor: Visitor, css: str) -> list[str]:
    return visitor.run(ROWS, css)


def job_id(visitor: Visitor) -> str:
    return re.search(r"[?&]job=([^&]+)", visitor.driver.current_url)[1]


def test_an_import_is_watched_to_its_end(visitor, orders):
    begin(visitor, orders)
    wait_for_state(visitor, "done")
    assert f"{2000 - len(BAD):,} rows imported and {len(BAD)} refused in" in visitor.find("#job-end").text
    assert visitor.find("#title").text == "orders.csv"
    assert visitor.driver.title == "100% orders.csv · Progress · Anywire"
    assert visitor.find("#job-bar").get_attribute("aria-valuenow") == "100"
    # the newest rows, no more than a screen or two of them
    visitor.until("return document.querySelector('#rows li').getAttribute('data-index') === '1999'")
    assert rows(visitor, "#rows")[0].split() == ["Row", "2,000", "imported"]
    assert len(rows(visitor, "#rows")) <= MOST_SHOWN
    # each refused row with its reason
    visitor.until("return document.querySelectorAll('#refused li').length === arguments[0]", len(BAD))
    assert [re.search(r"Row ([\d,]+)", text)[1].replace(",", "") for text in rows(visitor, "#refused")] == [str(row) for row in BAD]
    assert "Line 61" in rows(visitor, "#refused")[0] and "2 fields" in rows(visitor, "#refused")[0]
    assert visitor.find("#refused-count").text == str(len(BAD))
    assert not visitor.find("#refused-more").is_displayed() and not visitor.find("#cancel").is_displayed()


def test_the_wire_is_let_go_when_nothing_can_come_any_more(visitor, orders):
    begin(visitor, orders)
    wait_for_state(visitor, "done")
    visitor.until("return document.documentElement.getAttribute('data-anywire-state') === 'waiting'")
    assert "no connection needed" in visitor.find("#transport").text
    visitor.driver.refresh()
    assert visitor.find("#job-end").text
    assert visitor.run("return document.documentElement.getAttribute('data-anywire-state')") != "open"


def test_a_file_can_be_dropped(visitor, orders):
    visitor.driver.get(f"{visitor.base}/progress")
    place = visitor.find("#drop").rect
    drag = {
        "x": place["x"] + place["width"] / 2,
        "y": place["y"] + place["height"] / 2,
        "data": {"items": [], "files": [str(orders)], "dragOperationsMask": 1},
    }
    for kind in ("dragEnter", "dragOver"):
        visitor.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **drag})
    visitor.until("return document.getElementById('drop').className.indexOf('over') >= 0")
    visitor.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": "drop", **drag})
    visitor.until("return document.getElementById('chosen-fields').textContent !== ''")
    assert "orders.csv" in visitor.find("#chosen").text
    assert "Fields: order, customer, country, amount" in visitor.find("#chosen").text
    assert visitor.focused() == "start"
    visitor.keys(Keys.ENTER)
    wait_for_state(visitor, "done")


def test_a_file_let_fall_beside_the_zone_does_not_replace_the_page(visitor, orders):
    visitor.driver.get(f"{visitor.base}/progress")
    drag = {"x": 5, "y": 800, "data": {"items": [], "files": [str(orders)], "dragOperationsMask": 1}}
    for kind in ("dragEnter", "dragOver", "drop"):
        visitor.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **drag})
    visitor.until("return document.getElementById('chosen-name').textContent === 'orders.csv'")
    assert visitor.driver.current_url == f"{visitor.base}/progress"


def test_a_reload_in_the_middle_shows_the_same(visitor, many_orders):
    begin(visitor, many_orders)
    wait_for_percent(visitor, 1)
    id = job_id(visitor)
    visitor.driver.refresh()
    assert job_id(visitor) == id
    assert visitor.find("#title").text == "many.csv"
    assert visitor.find("#job-state").text == "running"
    visitor.until("return document.querySelectorAll('#rows li').length > 0")
    before = int(visitor.find("#rows li").get_attribute("data-index"))
    visitor.until("return Number(document.querySelector('#rows li').getAttribute('data-index')) > arguments[0]", before)
    assert len(rows(visitor, "#rows")) <= MOST_SHOWN
    assert re.search(r"[\d,]+ of 100,000 rows · [\d,]+ a second · .+ left", visitor.find("#job-facts").text)
    visitor.find("#cancel").click()
    wait_for_state(visitor, "cancelled")


def test_cancel_shows_its_answer(visitor, many_orders):
    begin(visitor, many_orders)
    wait_for_percent(visitor, 1)
    with slow_network(visitor, 1000):
        visitor.run(WATCH_PRESS, visitor.find("#cancel"), "click")
        visitor.find("#cancel").click()
        pressed = acknowledged(visitor)
        assert "cancelling…" in pressed["seen"]
        assert pressed["ms"] < 100
        wait_for_state(visitor, "cancelled")
    assert "What was imported until then stays." in visitor.find("#job-end").text
    assert not visitor.find("#cancel").is_displayed()
    imported = ask(visitor.base, "GET", f"/v1/jobs/{job_id(visitor)}")["items"]
    assert 0 < imported < 100_000
    visitor.until("return document.querySelector('#jobs li').getAttribute('data-state') === 'cancelled'")


def test_a_second_visitor_sees_nothing_without_the_link_and_everything_with_it(visitor, orders):
    begin(visitor, orders)
    wait_for_state(visitor, "done")
    link = visitor.find("#job-link").get_attribute("textContent")
    assert link == visitor.driver.current_url
    visitor.driver.delete_all_cookies()
    visitor.run("sessionStorage.clear()")
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.until("return !document.getElementById('jobs-none').hasAttribute('hidden')")
    assert visitor.driver.find_elements("css selector", "#jobs li") == []
    visitor.driver.get(link)
    assert visitor.find("#title").text == "orders.csv"
    visitor.until("return document.querySelectorAll('#refused li').length === arguments[0]", len(BAD))
    visitor.find("#by").send_keys("country", Keys.ENTER)
    visitor.until("return document.querySelectorAll('#groups li').length === 4")
    assert visitor.driver.find_elements("css selector", "#jobs li") == []


def test_only_who_began_it_may_cancel(visitor, many_orders):
    begin(visitor, many_orders)
    wait_for_percent(visitor, 1)
    link, cookie = visitor.driver.current_url, cookie_of(visitor)
    visitor.driver.delete_all_cookies()
    visitor.driver.get(link)
    wait_for_percent(visitor, 1)
    assert not visitor.find("#cancel").is_displayed()
    ask(visitor.base, "POST", f"/v1/jobs/{job_id(visitor)}/cancel", {}, cookie=cookie)
    wait_for_state(visitor, "cancelled")


def test_what_was_imported_is_counted_by_a_field(visitor, orders):
    begin(visitor, orders)
    wait_for_state(visitor, "done")
    names = visitor.run("return Array.prototype.map.call(document.querySelectorAll('#by option'), function (o) { return o.value; })")
    assert names == ["order", "customer", "country", "amount"]
    visitor.find("#by").send_keys("country")
    visitor.find("#count").click()
    visitor.until("return document.getElementById('report-end').textContent.indexOf('groups') > 0")
    shown = dict(text.split("\n") for text in rows(visitor, "#groups"))
    assert set(shown) == {"Norway", "Chile", "中国", "مصر"}
    assert sum(map(int, shown.values())) == 2000 - len(BAD)
    assert visitor.find("#report-end").text == f"{2000 - len(BAD):,} rows in 4 groups."
    visitor.find("#by").send_keys("order")
    visitor.find("#count").click()
    visitor.until("return document.getElementById('report-end').textContent.indexOf('largest') > 0")
    assert len(rows(visitor, "#groups")) == 20


def test_the_keyboard_is_enough(visitor, orders):
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.keys(Keys.TAB)
    for _ in range(20):
        if visitor.focused() == "file":
            break
        visitor.keys(Keys.TAB)
    assert visitor.focused() == "file"
    assert visitor.run("return getComputedStyle(document.querySelector('.drop-label')).outlineStyle") == "solid"
    visitor.find("#file").send_keys(str(orders))  # the dialog is the system's own
    visitor.run("document.getElementById('file').focus()")
    visitor.keys(Keys.TAB)
    assert visitor.focused() == "start"
    visitor.keys(Keys.ENTER)
    assert visitor.focused() == "title"
    wait_for_state(visitor, "done")
    for wanted in ("copy-link", "another", "by", "count", "refused", "rows"):
        while visitor.focused() != wanted:
            before = visitor.run("return document.activeElement")
            visitor.keys(Keys.TAB)
            assert visitor.run("return document.activeElement") != before, wanted
            assert visitor.run("return document.activeElement !== document.body"), wanted


def test_the_first_second_on_a_slow_line(visitor, tmp_path):
    """2 s of latency, 200 kB/s upwards: the press shows at once, then how much of the file is there."""
    file = write_orders(tmp_path / "slow.csv", 20_000, range(0))
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#file").send_keys(str(file))
    with slow_network(visitor, 2000, 200_000):
        visitor.run(WATCH_PRESS, visitor.find("#start"), "click")
        visitor.find("#start").click()
        pressed = acknowledged(visitor)
        assert "sending… 0 of 6" in pressed["seen"] and "slow.csv" in pressed["seen"]
        assert pressed["ms"] < 100
        assert not visitor.find("#import").is_displayed()
        assert "sending…" in visitor.find("#jobs .pending").text
        facts = "document.getElementById('job-facts').textContent"
        visitor.until(f"return /sending… [1-9][0-9.]* of [0-9.]+ kB/.test({facts})")
        visitor.until(f"return / left$/.test({facts})")
        visitor.until(f"return /waiting for the first row/.test({facts})")
    wait_for_state(visitor, "done")
    assert not visitor.driver.find_elements("css selector", "#jobs .pending")


def test_stopped_on_its_way_nothing_is_imported(visitor, many_orders):
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#file").send_keys(str(many_orders))
    with slow_network(visitor, 100, 100_000):
        visitor.find("#start").click()
        visitor.until("return /sending… [1-9]/.test(document.getElementById('job-facts').textContent)")
        visitor.find("#cancel").click()
        assert "Stopped before many.csv was sent" in visitor.find("#file-notice").text
        assert visitor.focused() == "start"
    assert ask(visitor.base, "GET", "/v1/jobs", cookie=cookie_of(visitor)) == {"jobs": []}
    visitor.find("#start").click()  # the file is still chosen
    wait_for_percent(visitor, 1)
    visitor.find("#cancel").click()
    wait_for_state(visitor, "cancelled")


def test_more_refused_rows_come_page_by_page(visitor, tmp_path):
    begin(visitor, write_orders(tmp_path / "bad.csv", 130, range(1, 131)))
    wait_for_state(visitor, "done")
    visitor.until("return document.querySelectorAll('#refused li').length >= 50 && document.getElementById('refused-more').offsetWidth > 0")
    for least in (100, 130):
        visitor.find("#refused-more").click()
        visitor.until("return document.querySelectorAll('#refused li').length >= arguments[0]", least)
    visitor.until("return document.getElementById('refused-more').offsetWidth === 0")
    assert [
        visitor.run("return document.querySelectorAll('#refused li')[arguments[0]].getAttribute('data-index')", i) for i in (0, 129)
    ] == [
        "0",
        "129",
    ]
    assert visitor.find("#refused-count").text == "130"


def test_what_cannot_be_imported_is_said_before_it_is_sent(visitor, tmp_path):
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#start").click()
    assert visitor.find("#file-notice").text == "Choose a file first."
    assert visitor.focused() == "file"
    for name, content, reason in (
        ("book.xlsx", b"PK", "is a spreadsheet"),
        ("scan.pdf", b"%PDF", "neither CSV nor JSON"),
        ("none.csv", b"", "is empty"),
    ):
        (tmp_path / name).write_bytes(content)
        visitor.find("#file").send_keys(str(tmp_path / name))
        visitor.until("return document.getElementById('file-notice').textContent.indexOf(arguments[0]) > 0", reason)
        visitor.find("#start").click()
        assert visitor.find("#file-notice").text == "Choose a file first."
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(51 * 2**20)
    visitor.find("#file").send_keys(str(tmp_path / "big.csv"))
    visitor.until("return document.getElementById('file-notice').textContent === 'big.csv has 51 MB; an import takes 50 MB at most.'")


def test_a_file_that_cannot_be_read_says_why_in_the_visitors_language(visitor, tmp_path):
    (tmp_path / "twice.csv").write_text("name,name\n1,2\n")
    begin(visitor, tmp_path / "twice.csv")
    wait_for_state(visitor, "failed")
    assert "The first line names the fields, each differently" in visitor.find("#job-note").text
    visitor.find(".languages a").click()
    visitor.until("return document.documentElement.lang === 'zh'")
    assert "第一行应为各不相同的字段名" in visitor.find("#job-note").text
    assert visitor.find("#job-state").text == "失败"


def test_the_sample_is_imported(visitor):
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#sample").click()
    visitor.until("return document.getElementById('chosen-name').textContent === 'sample.csv'")
    assert visitor.focused() == "start"
    visitor.keys(Keys.ENTER)
    wait_for_state(visitor, "done")
    assert "396 rows imported and 4 refused" in visitor.find("#job-end").text


def test_other_links_of_the_page_keep_the_job(visitor, orders):
    begin(visitor, orders)
    wait_for_state(visitor, "done")
    id = job_id(visitor)
    hrefs = visitor.run(
        "return Array.prototype.map.call(document.querySelectorAll('.languages a, #transport-panel a'), function (a) { return a.href; })"
    )
    assert hrefs and all(f"job={id}" in href for href in hrefs)
    visitor.driver.get(f"{visitor.base}/progress?job={id}&transport=sse")
    assert f"?lang=zh&job={id}&transport=sse" in visitor.driver.page_source.replace("&amp;", "&")
    visitor.driver.back()
    visitor.until("return document.getElementById('title').textContent.trim() === 'orders.csv'")
    visitor.driver.back()
    visitor.until("return document.getElementById('begin').offsetWidth > 0")


def test_an_unknown_job_says_so(visitor):
    visitor.driver.get(f"{visitor.base}/progress?job=nosuchjobatall")
    assert "There is no such job" in visitor.find(".notice").text
    assert visitor.find("#start").is_displayed()


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
