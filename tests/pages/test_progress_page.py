"""The page of jobs in Chromium, on a real server: a file becomes a job, and the job is shown to whoever has its link."""

import re

from selenium.webdriver.common.keys import Keys

from tests.pages.asking import WATCH_PRESS, acknowledged, ask, cookie_of, quiet_console, slow_network, write_orders
from tests.pages.importing import BAD, MOST_SHOWN, begin, job_id, many_orders, orders, rows, wait_for_percent, wait_for_state

__all__ = ["many_orders", "orders", "quiet_console"]


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
    assert "Line 61: " in rows(visitor, "#refused")[0]
    assert visitor.find("#refused-count").text == str(len(BAD))
    assert not visitor.find("#refused-more").is_displayed() and not visitor.find("#cancel").is_displayed()


def test_the_wire_is_let_go_when_nothing_can_come_any_more(visitor, orders):
    begin(visitor, orders)
    wait_for_state(visitor, "done")
    visitor.until("return document.documentElement.getAttribute('data-anywire-state') === 'waiting'")
    assert "idle" in visitor.find("#transport").text
    visitor.driver.refresh()
    assert visitor.find("#job-end").text
    assert visitor.run("return document.documentElement.getAttribute('data-anywire-state')") != "open"


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
    for wanted in ("copy-link", "another", "by", "count", "rows", "refused"):
        while visitor.focused() != wanted:
            before = visitor.run("return document.activeElement")
            visitor.keys(Keys.TAB)
            assert visitor.run("return document.activeElement") != before, wanted
            assert visitor.run("return document.activeElement !== document.body"), wanted


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


def test_a_file_that_cannot_be_read_says_why_in_the_visitors_language(visitor, tmp_path):
    (tmp_path / "twice.csv").write_text("name,name\n1,2\n")
    begin(visitor, tmp_path / "twice.csv")
    wait_for_state(visitor, "failed")
    assert "The first line names the fields, each differently" in visitor.find("#job-note").text
    visitor.find(".languages a").click()
    visitor.until("return document.documentElement.lang === 'zh'")
    assert "第一行应为各不相同的字段名" in visitor.find("#job-note").text
    assert visitor.find("#job-state").text == "失败"


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
