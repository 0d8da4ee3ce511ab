"""The pages of votes in Chromium, on a real server: asking a question, voting, and watching others vote."""

import re
import time
from urllib.error import HTTPError

import pytest
from selenium.webdriver.common.keys import Keys

from tests.pages.asking import WATCH_PRESS, acknowledged, ask, cookie_of, slow_network
from tests.pages.browser import Visitor

CHOICES = ["Noodle bar", "By the river", "Canteen"]
TALLY = (
    "return Array.prototype.map.call(document.querySelectorAll('#choices .votes'), function (n) { return parseInt(n.textContent, 10); })"
)
OWN = "return Array.prototype.map.call(document.querySelectorAll('#choices .choice'), function (n) { return n.querySelector('input').checked; })"
COUNT_POSTS = """
var open = XMLHttpRequest.prototype.open;
XMLHttpRequest.prototype.open = function (method) {
  if (method === 'POST') { sessionStorage.setItem('posts', Number(sessionStorage.getItem('posts')) + 1); }
  return open.apply(this, arguments);
};
"""
STATE = "document.getElementById('ballot').getAttribute('data-own')"


@pytest.fixture(autouse=True)
def quiet_console(visitor):
    """Whatever a test does, no script breaks and the content security policy forbids nothing that the page does."""
    visitor.errors()
    visitor.screen(1280, 900)
    yield
    assert [line for line in visitor.errors() if "Content Security Policy" in line or "Uncaught" in line] == []


@pytest.fixture
def vote(server) -> str:
    """A vote that somebody else has made."""
    return make(server.url)


def make(base: str, cookie: str = "", **fields: object) -> str:
    return ask(base, "POST", "/v1/votes", {"question": "Where to?", "choices": CHOICES, **fields}, cookie=cookie)["id"]


def cast(base: str, vote: str, *choices: int, cookie: str = "") -> dict:
    """As the visitor of *cookie*, else as a new one."""
    return ask(base, "PUT", f"/v1/votes/{vote}/ballot", {"choices": list(choices)}, cookie=cookie)


def open_vote(visitor: Visitor, vote: str, query: str = "") -> None:
    visitor.open(f"/vote/{vote}{query}")


def choose(visitor: Visitor, number: int) -> None:
    visitor.find(f"#choices li:nth-child({number + 1}) input").click()


def own(visitor: Visitor) -> list[int]:
    return [number for number, is_mine in enumerate(visitor.run(OWN)) if is_mine]


def wait_for_tally(visitor: Visitor, *tally: int) -> None:
    visitor.until(f"return (function () {{ {TALLY} }}()).join() === arguments[0]", ",".join(map(str, tally)))


def wait_until(visitor: Visitor, state: str) -> None:
    visitor.until(f"return {STATE} === arguments[0]", state)


class TestAsking:
    def test_by_keyboard_alone(self, visitor):
        visitor.driver.get(f"{visitor.base}/vote")
        for _ in range(15):
            if visitor.focused() == "question":
                break
            visitor.keys(Keys.TAB)
        visitor.keys("Where to?", Keys.TAB, "Noodle bar", Keys.ENTER, "By the river", Keys.ENTER, "Canteen", Keys.ENTER)
        assert visitor.run("return document.querySelectorAll('#choices input').length") == 4
        visitor.keys(Keys.BACKSPACE)  # the fourth is empty: it goes, and the third has the focus
        assert visitor.run("return document.activeElement.value") == "Canteen"
        assert visitor.find("#choices-said").get_attribute("textContent") == "Choice 4 is gone."
        for _ in range(10):
            if visitor.focused() == "make":
                break
            visitor.keys(Keys.TAB)
        visitor.keys(Keys.ENTER)
        visitor.until("return /\\/vote\\/[^/]+$/.test(location.pathname)")
        visitor.until("return document.documentElement.getAttribute('data-anywire-state') === 'open'")
        assert visitor.find("#question").text == "Where to?"
        assert [node.text for node in visitor.driver.find_elements("css selector", ".choice-text")] == CHOICES
        assert visitor.find("#link").text == visitor.driver.current_url
        assert visitor.find("#close").is_displayed()

    def test_a_press_shows_at_once_and_two_make_one_vote(self, visitor):
        visitor.driver.get(f"{visitor.base}/vote")
        visitor.run(COUNT_POSTS)
        visitor.find("#question").send_keys("Where to?")
        visitor.find("#choices input").send_keys("A\nB")
        with slow_network(visitor):
            visitor.run(WATCH_PRESS, visitor.find("#make"), "click")
            visitor.find("#make").click()
            pressed = acknowledged(visitor)
            assert "Starting…" in pressed["seen"]
            assert pressed["ms"] < 100
            visitor.find("#question").send_keys(Keys.CONTROL, Keys.ENTER)
            visitor.until("return /\\/vote\\/[^/]+$/.test(location.pathname)")
        assert visitor.run("return sessionStorage.getItem('posts')") == "1"
        visitor.driver.back()
        visitor.until("return document.getElementById('make') && !document.getElementById('make').disabled")
        assert visitor.run("return document.getElementById('make').textContent") == "Start the vote"

    def test_every_fault_is_said_and_the_first_has_the_focus(self, visitor):
        visitor.driver.get(f"{visitor.base}/vote")
        visitor.find("#make").click()
        assert visitor.find("#question-notice").text == "What is the question?"
        assert visitor.find("#choices-notice").text == "There have to be two choices at least."
        assert visitor.focused() == "question"
        visitor.find("#question").send_keys("Where to?")
        visitor.find("#choices input").send_keys("A\nB\nA ")
        visitor.find("#make").click()
        assert visitor.find("#choices-notice").text == "Two of the choices say the same."
        assert visitor.run("return document.activeElement === document.querySelectorAll('#choices input')[2]")
        visitor.run("document.activeElement.select()")
        visitor.keys("C")
        visitor.find("#closing option[value=at]").click()
        visitor.run("document.getElementById('closing-time').value = '2001-01-01T10:00'")
        visitor.find("#make").click()
        assert visitor.find("#closing-notice").text == "The closing time has to lie ahead, within a year."
        assert visitor.focused() == "closing-time"

    def test_pasted_lines_become_choices_and_twenty_are_the_most(self, visitor):
        visitor.driver.get(f"{visitor.base}/vote")
        visitor.run(
            "var input = document.querySelector('#choices input'), data = new DataTransfer(); input.focus();"
            "data.setData('text/plain', arguments[0]);"
            "input.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))",
            "\n".join(f"Line {number}" for number in range(1, 31)),
        )
        values = visitor.run(
            "return Array.prototype.map.call(document.querySelectorAll('#choices input'), function (i) { return i.value; })"
        )
        assert values == [f"Line {number}" for number in range(1, 21)]
        assert not visitor.find("#add").is_displayed()

    def test_closing_by_itself(self, visitor):
        visitor.driver.get(f"{visitor.base}/vote")
        visitor.find("#question").send_keys("Soon?")
        visitor.find("#choices input").send_keys("A\nB")
        visitor.run("var o = document.querySelector('#closing option[value=\"300\"]'); o.value = '2'")
        visitor.find("#closing option[value='2']").click()
        visitor.find("#make").click()
        visitor.until("return document.getElementById('ballot') && document.getElementById('ballot').dataset.open === 'false'")
        assert visitor.find("#state").text == "closed"


class TestVoting:
    def test_two_voters(self, visitor, vote):
        open_vote(visitor, vote)
        assert visitor.find("#voters").text == "Nobody has voted yet."
        choose(visitor, 1)
        wait_until(visitor, "counted")
        wait_for_tally(visitor, 0, 1, 0)
        cast(visitor.base, vote, 0)
        wait_for_tally(visitor, 1, 1, 0)
        cast(visitor.base, vote, 0)
        wait_for_tally(visitor, 2, 1, 0)
        assert visitor.find("#voters").text == "3 people have voted."
        assert visitor.find("#choices li:nth-child(1) .share-of").text == "67%"
        assert visitor.find("#choices li:nth-child(1) .bar-done").get_attribute("style") == "width: 67%;"
        assert own(visitor) == [1]
        assert visitor.find("#own-state").text == "Your vote for By the river is counted."

    def test_changed_taken_back_and_seen_after_a_reload(self, visitor, vote):
        open_vote(visitor, vote)
        choose(visitor, 0)
        wait_for_tally(visitor, 1, 0, 0)
        choose(visitor, 2)
        wait_for_tally(visitor, 0, 0, 1)
        visitor.driver.refresh()
        assert own(visitor) == [2]
        wait_for_tally(visitor, 0, 0, 1)
        visitor.find("#withdraw").click()
        wait_for_tally(visitor, 0, 0, 0)
        assert own(visitor) == []
        assert not visitor.find("#withdraw").is_displayed()

    def test_several_choices(self, visitor):
        vote = make(visitor.base, multiple=True)
        open_vote(visitor, vote)
        for number in (0, 2):
            choose(visitor, number)
        wait_for_tally(visitor, 1, 0, 1)
        assert visitor.find("#voters").text == "One person has voted."
        choose(visitor, 0)
        choose(visitor, 2)
        wait_for_tally(visitor, 0, 0, 0)

    def test_the_own_choice_shows_at_once_and_is_confirmed_later(self, visitor, vote):
        open_vote(visitor, vote)
        with slow_network(visitor):
            visitor.run(WATCH_PRESS, visitor.find("#choices"), "change")
            choose(visitor, 1)
            pressed = acknowledged(visitor)
            assert "sending…" in pressed["seen"] and "Sending your vote for By the river…" in pressed["seen"]
            assert pressed["ms"] < 100
            assert visitor.run(f"return {STATE}") == "sending"
            assert own(visitor) == [1]
            wait_until(visitor, "counted")

    def test_of_quick_changes_the_last_counts(self, visitor, vote):
        open_vote(visitor, vote)
        with slow_network(visitor, 500):
            for number in (0, 1, 2, 1):
                choose(visitor, number)
            assert own(visitor) == [1]
            wait_until(visitor, "counted")
        wait_for_tally(visitor, 0, 1, 0)
        position = ask(visitor.base, "GET", f"/v1/votes/{vote}")["position"]
        assert position.endswith("-3"), "what was changed before it was sent needs no ballot"

    def test_a_late_answer_takes_nothing_back(self, visitor, vote):
        """Others vote while the answer to the own ballot is on its way: it confirms the ballot, and moves no bar back."""
        open_vote(visitor, vote)
        visitor.run(
            "window.counts = []; new MutationObserver(function () { counts.push(document.getElementById('voters').textContent); })"
            ".observe(document.getElementById('voters'), {childList: true})"
        )
        with slow_network(visitor, 3000):
            choose(visitor, 0)
            deadline = time.monotonic() + 10
            while ask(visitor.base, "GET", f"/v1/votes/{vote}")["voters"] == 0:
                assert time.monotonic() < deadline
            for _ in range(3):
                cast(visitor.base, vote, 1)
            wait_for_tally(visitor, 1, 3, 0)
            wait_until(visitor, "counted")
        numbers = [int(found[0]) for text in visitor.run("return window.counts") if (found := re.findall(r"\d+", text))]
        assert numbers == sorted(numbers)
        assert own(visitor) == [0]
        wait_for_tally(visitor, 1, 3, 0)

    def test_only_what_is_newer_is_shown(self, visitor, vote):
        open_vote(visitor, vote)
        stand = ask(visitor.base, "GET", f"/v1/votes/{vote}")
        shown = visitor.run(
            "var tally = AnywirePages.tally(), vote = arguments[0];"
            "function show(votes, position) { vote.tally = votes; vote.voters = votes[0]; return tally.show(vote, position); }"
            "return [show([5, 0, 0], 'e-9'), show([4, 0, 0], 'e-8'), show([6, 0, 0], 'e-9'), show([7, 0, 0], 'e-10'), show([1, 0, 0], 'f-1')]",
            stand,
        )
        assert shown == [True, False, True, True, True]

    def test_what_was_not_confirmed_before_a_reload_is_sent_again(self, visitor, vote):
        open_vote(visitor, vote)
        with slow_network(visitor, 20_000):
            choose(visitor, 2)
            assert visitor.run(f"return {STATE}") == "sending"
        visitor.driver.refresh()
        assert own(visitor) == [2]
        wait_until(visitor, "counted")
        wait_for_tally(visitor, 0, 0, 1)

    def test_arrow_keys_pass_over_choices_without_voting_for_them(self, visitor, vote):
        open_vote(visitor, vote)
        visitor.run("document.querySelector('#choices input').focus()")
        visitor.keys(Keys.SPACE)
        wait_for_tally(visitor, 1, 0, 0)
        visitor.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        wait_for_tally(visitor, 0, 0, 1)
        assert ask(visitor.base, "GET", f"/v1/votes/{vote}")["position"].endswith("-3")

    def test_a_ballot_that_came_too_late_is_taken_back_on_the_page(self, visitor):
        visitor.driver.get(f"{visitor.base}/vote")
        creator = cookie_of(visitor)
        vote = make(visitor.base, creator)
        visitor.driver.delete_all_cookies()
        open_vote(visitor, vote)
        choose(visitor, 0)
        wait_until(visitor, "counted")
        with slow_network(visitor, 1500):
            choose(visitor, 1)
            ask(visitor.base, "POST", f"/v1/votes/{vote}/close", {}, cookie=creator)
            wait_until(visitor, "refused")
        assert visitor.find("#vote-notice").text == "Your vote was not counted: the vote is closed"
        assert own(visitor) == [0]

    def test_the_own_vote_of_another_tab_is_learnt(self, visitor, vote):
        open_vote(visitor, vote)
        cast(visitor.base, vote, 2, cookie=cookie_of(visitor))
        wait_for_tally(visitor, 0, 0, 1)
        visitor.run("document.dispatchEvent(new Event('visibilitychange'))")
        wait_until(visitor, "counted")
        assert own(visitor) == [2]


class TestClosing:
    def test_by_the_creator_after_a_second_thought(self, visitor):
        visitor.driver.get(f"{visitor.base}/vote")
        vote = make(visitor.base, cookie_of(visitor))
        cast(visitor.base, vote, 1)
        open_vote(visitor, vote)
        visitor.find("#close").click()
        assert visitor.focused() == "close-yes"
        visitor.find("#close-no").click()
        assert visitor.focused() == "close"
        visitor.find("#close").click()
        visitor.find("#close-yes").click()
        visitor.until("return document.getElementById('ballot').dataset.open === 'false'")
        assert visitor.find("#rule").text == "Most votes: By the river."
        assert not visitor.find("#closing").is_displayed()
        with pytest.raises(HTTPError) as refused:
            cast(visitor.base, vote, 0)
        assert refused.value.code == 409

    def test_the_others_see_it_and_let_go_of_the_wire(self, visitor):
        visitor.driver.get(f"{visitor.base}/vote")
        creator = cookie_of(visitor)
        vote = make(visitor.base, creator)
        visitor.driver.delete_all_cookies()
        open_vote(visitor, vote)
        assert not visitor.driver.find_elements("css selector", "#close")
        ask(visitor.base, "POST", f"/v1/votes/{vote}/close", {}, cookie=creator)
        visitor.until("return document.getElementById('ballot').dataset.open === 'false'")
        assert visitor.run(
            "return Array.prototype.every.call(document.querySelectorAll('#choices input'), function (i) { return i.disabled; })"
        )
        visitor.until("return document.documentElement.getAttribute('data-anywire-state') === 'waiting'")
        assert "no connection needed" in visitor.find("#transport").text
        visitor.driver.refresh()
        assert visitor.find("#state").text == "closed"
        assert visitor.run("return document.documentElement.getAttribute('data-anywire-state')") != "open"


def test_a_vote_that_is_none_has_a_page_that_says_so(visitor):
    visitor.driver.get(f"{visitor.base}/vote/nosuchvote?lang=en")
    assert visitor.find("h1").text == "There is no such vote"
    visitor.driver.get(f"{visitor.base}/vote/nosuchvote?lang=zh")
    assert visitor.find("h1").text == "没有这次投票"
    visitor.driver.get(f"{visitor.base}/?lang=en")


def test_any_text_is_shown_as_text_whatever_its_direction(visitor):
    evil = "<img src=x onerror=\"document.title='hacked'\">"
    vote = make(visitor.base, question=f"أين نذهب؟ {evil}", choices=[evil, "مطعم", "</script><script>alert(1)</script>"])
    open_vote(visitor, vote)
    assert visitor.find("#question").text == f"أين نذهب؟ {evil}"
    assert visitor.run("return document.querySelectorAll('main img, #choices script').length") == 0
    assert visitor.run("return getComputedStyle(document.getElementById('question')).direction") == "rtl"
    assert visitor.run("return getComputedStyle(document.querySelectorAll('.choice-text')[1]).direction") == "rtl"
    choose(visitor, 0)
    wait_until(visitor, "counted")
    assert evil in visitor.find("#own-state").text


@pytest.mark.parametrize("transport", ["websocket", "sse", "long-poll", "short-poll"])
def test_over_each_transport(visitor, vote, transport):
    open_vote(visitor, vote, f"?transport={transport}")
    choose(visitor, 0)
    wait_for_tally(visitor, 1, 0, 0)
    cast(visitor.base, vote, 1)
    wait_for_tally(visitor, 1, 1, 0)
