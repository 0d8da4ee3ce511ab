"""The pages in a browser whose scripts are off, and in one whose scripts fail; and that nothing of it is seen where they work."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys

from tests.pages.asking import ask, cookie_of, write_orders
from tests.pages.browser import Visitor, publish
from tests.pages.test_page_access import TALK, barriers
from tests.pages.voting import cast, make

SHOWN = "document.querySelector('%s').offsetHeight > 0 && getComputedStyle(document.querySelector('%s')).visibility === 'visible'"


def run_scripts(visitor: Visitor, are_on: bool) -> None:
    visitor.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not are_on})


@pytest.fixture
def reader(visitor) -> Iterator[Visitor]:
    """A visitor with scripts off."""
    visitor.screen(1280, 900)
    run_scripts(visitor, are_on=False)
    yield visitor
    run_scripts(visitor, are_on=True)


def is_shown(visitor: Visitor, css: str) -> bool:
    return bool(visitor.run("return " + SHOWN % (css, css)))


def stored(visitor: Visitor, room: str) -> list[str]:
    return [message["data"]["text"] for message in ask(visitor.base, "GET", f"/v1/history?channel=chat:{room}")["messages"]]


class TestScriptsOff:
    def test_a_conversation(self, reader):
        publish(reader.base, "off", *[f"line {number}" for number in range(60)], "the newest")
        reader.driver.get(f"{reader.base}/chat/off")
        newest = "return document.querySelector('#messages li:last-child').getBoundingClientRect().bottom"
        assert 200 < reader.run(newest) < reader.run("return document.getElementById('text').getBoundingClientRect().top")
        reader.find("#text").send_keys("by form", Keys.ENTER)
        reader.until("return document.querySelector('#messages li:last-child .text').textContent === 'by form'")
        assert reader.run("return document.querySelector('#messages li:last-child').className") == "message mine"
        reader.driver.refresh()
        assert stored(reader, "off")[-2:] == ["the newest", "by form"]
        reader.find("#name-text").clear()
        reader.find("#name-text").send_keys("Otter", Keys.ENTER)
        reader.until("return document.getElementById('name').textContent === 'Otter'")

    @pytest.mark.parametrize("path", ["/", "/chat/off-buttons", "/vote", "/progress"])
    def test_nothing_is_there_to_press_that_does_nothing(self, reader, path):
        reader.driver.get(reader.base + path)
        for button in reader.driver.find_elements("css selector", "button"):
            assert button.get_attribute("type") == "submit" or not button.is_displayed(), button.get_attribute("outerHTML")

    def test_a_question_and_its_vote(self, reader):
        reader.driver.get(f"{reader.base}/vote")
        reader.find("#question").send_keys("Where to?")
        for number, field in enumerate(reader.driver.find_elements("css selector", "#choices input")[:3]):
            field.send_keys(f"choice {number}")
        reader.find("#make").click()
        reader.until("return !!document.getElementById('ballot')")
        vote = reader.driver.current_url.rpartition("/")[2]
        cast(reader.base, vote, 0)
        reader.find("#choices li:nth-child(2) input").click()
        reader.find("[name=do][value=vote]").click()
        reader.until("return document.querySelectorAll('#choices .mine').length === 1")
        widths = "return Array.prototype.map.call(document.querySelectorAll('#choices .bar-served'), function (bar) {"
        assert reader.run(f"{widths} return Math.round(100 * bar.clientWidth / bar.parentNode.clientWidth); }})") == [50, 50, 0]
        reader.find("[name=do][value=close]").click()
        reader.until("return document.getElementById('ballot').getAttribute('data-open') === 'false'")
        assert ask(reader.base, "GET", f"/v1/votes/{vote}")["tally"] == [1, 1, 0]

    def test_an_import_loads_itself_again_until_it_is_done(self, reader, tmp_path):
        reader.driver.get(f"{reader.base}/progress")
        reader.find("#file").send_keys(str(write_orders(tmp_path / "orders.csv", 30_000, range(5, 30_000, 5000))))
        reader.find("#start").click()
        reader.until("return document.getElementById('job-card').getAttribute('data-state') === 'done'", wait_s=30)
        assert "29,994 rows imported and 6 refused" in reader.find("#job-end").text
        assert len(reader.driver.find_elements("css selector", ".refused.rows li.not-ok")) == 6
        assert reader.find("#jobs a[aria-current]").text == "orders.csv"
        assert reader.run("return document.querySelectorAll('meta[http-equiv]').length") == 0

    @pytest.mark.parametrize(("language", "dark", "width"), [("en", False, 320), ("zh", True, 1280)], ids=["en-320", "zh-dark-1280"])
    def test_nobody_is_shut_out_and_nothing_too_wide(self, reader, language, dark, width):
        publish(reader.base, "off-axe", *TALK * 8, name="A" * 40)
        reader.screen(width, 700, dark=dark)
        vote = make(reader.base, question=TALK[2], choices=[TALK[4], TALK[2][:200]])
        cast(reader.base, vote, 1)
        for path in ("/chat/off-axe", f"/vote/{vote}", "/vote", "/progress"):
            run_scripts(reader, are_on=False)
            reader.driver.get(f"{reader.base}{path}?lang={language}")
            if path.startswith("/chat"):
                reader.find("#send").click()
                reader.until("return document.getElementById('notice').textContent !== ''")
                assert is_shown(reader, ".older a")
            assert reader.run("return document.documentElement.scrollWidth") == width
            run_scripts(reader, are_on=True)  # for axe alone: the page's own were passed over
            reader.run("document.getAnimations().forEach(function (held) { held.finish(); })")
            assert barriers(reader) == []


class TestScriptsFail:
    @pytest.fixture
    def cut(self, visitor) -> Iterator[Visitor]:
        """Its scripts are turned on, and the client library doesn't arrive."""
        visitor.screen(1280, 900)
        visitor.driver.execute_cdp_cmd("Network.enable", {})
        visitor.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/anywire.js"]})
        yield visitor
        visitor.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})

    def test_a_conversation(self, cut):
        publish(cut.base, "cut", "before")
        cut.driver.get(f"{cut.base}/chat/cut")
        assert not is_shown(cut, "#messages") and not is_shown(cut, ".room-tools .plain")  # it might still come
        cut.until("return " + SHOWN % ("#messages", "#messages"))
        assert is_shown(cut, ".room-tools .plain") and is_shown(cut, "#name-form")
        cut.find("#text").send_keys("all the same", Keys.ENTER)
        cut.until("return document.querySelectorAll('#messages .text').length === 2")
        assert stored(cut, "cut") == ["before", "all the same"]

    def test_a_vote(self, cut):
        vote = make(cut.base)
        cut.driver.get(f"{cut.base}/vote/{vote}")
        cut.until("return " + SHOWN % ("[value=vote]", "[value=vote]"))
        cut.find("#choices li:nth-child(3) input").click()
        cut.find("[name=do][value=vote]").click()
        cut.until("return document.querySelectorAll('#choices .mine').length === 1")
        assert ask(cut.base, "GET", f"/v1/votes/{vote}")["tally"] == [0, 0, 1]


class TestScriptsOn:
    def test_nothing_stands_in_for_them(self, visitor):
        visitor.screen(1280, 900)
        vote = make(visitor.base)
        publish(visitor.base, "on", *[f"line {number}" for number in range(120)])
        for path in ("/chat/on", "/chat/on?before=zzzz9-4", f"/vote/{vote}", "/vote", "/progress"):
            visitor.driver.get(visitor.base + path)
            assert visitor.run("return document.querySelectorAll('.plain, .folded, .served, [name=more]').length") == 0, path
            ids = visitor.run("return Array.prototype.map.call(document.querySelectorAll('[id]'), function (node) { return node.id; })")
            assert len(ids) == len(set(ids)), path
        visitor.driver.get(f"{visitor.base}/chat/on")
        assert not is_shown(visitor, "#name-form")

    def test_what_is_served_becomes_the_conversation_and_comes_once(self, visitor):
        texts = [f"line {number}" for number in range(120)]
        publish(visitor.base, "adopted", *texts)
        visitor.open_room("adopted")
        assert visitor.texts() == texts[-50:]
        assert visitor.run("return document.querySelectorAll('#messages .day').length") == 1
        visitor.say("mine")
        visitor.wait_for("mine")
        assert visitor.texts() == [*texts[-50:], "mine"]
        assert stored(visitor, "adopted")[-1:] == ["mine"] and stored(visitor, "adopted").count("mine") == 1

    def test_what_was_said_is_there_before_any_wire(self, visitor):
        publish(visitor.base, "early", "at once")
        visitor.driver.execute_cdp_cmd("Network.enable", {})
        visitor.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/v1/*"]})
        try:
            visitor.driver.get(f"{visitor.base}/chat/early?transport=short-poll")
            assert visitor.texts() == ["at once"]
        finally:
            visitor.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})

    def test_an_older_page_by_its_link_is_the_room_as_it_is_now(self, visitor):
        publish(visitor.base, "older-link", *[f"line {number}" for number in range(200)])
        epoch = ask(visitor.base, "GET", "/v1/history?channel=chat:older-link&limit=1")["messages"][0]["position"].split("-")[0]
        visitor.open_room("older-link", f"?before={epoch}-61")
        assert visitor.texts() == [f"line {number}" for number in range(150, 200)]

    def test_typed_before_a_refusal_is_there_to_send(self, visitor):
        visitor.open_room("typed")
        run_scripts(visitor, are_on=False)
        visitor.driver.get(f"{visitor.base}/chat/typed")
        visitor.find("#text").send_keys("kept")
        cookie = cookie_of(visitor)
        visitor.driver.delete_cookie("_xsrf")
        assert "_xsrf" in cookie
        run_scripts(visitor, are_on=True)
        visitor.run("document.getElementById('composer').submit()")
        visitor.until("return /Not sent/.test(document.getElementById('notice').textContent)")
        visitor.until("return !!document.querySelector('#messages .joined')")
        visitor.find("#text").send_keys(Keys.ENTER)
        visitor.wait_for("kept")
        assert stored(visitor, "typed") == ["kept"]
