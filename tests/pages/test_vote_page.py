"""The page of a vote in Chromium, on a real server: voting, and watching others vote."""

import re
import time
from urllib.error import HTTPError

import pytest
from selenium.webdriver.common.keys import Keys

from tests.pages.asking import WATCH_PRESS, acknowledged, ask, cookie_of, quiet_console, slow_network
from tests.pages.voting import STATE, cast, choose, choose_at_once, make, open_vote, own, vote, wait_for_tally, wait_until

__all__ = ["quiet_console", "vote"]


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
            choose_at_once(visitor, 0, 1, 2, 1)
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
            "return [['e-9', 5], ['e-8', 4], ['e-9', 6], ['e-10', 7], ['f-1', 1]].map(function (one) {"
            " return show([one[1], 0, 0], one[0]) && document.querySelector('#choices .votes').textContent; })",
            stand,
        )
        assert shown == ["5 votes", False, "6 votes", "7 votes", "1 vote"]

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
        """The page can't know yet that the vote is closed: its polls take seconds."""
        visitor.driver.get(f"{visitor.base}/vote")
        creator = cookie_of(visitor)
        vote = make(visitor.base, creator)
        visitor.driver.delete_all_cookies()
        open_vote(visitor, vote, "?transport=short-poll")
        choose(visitor, 0)
        wait_until(visitor, "counted")
        with slow_network(visitor, 4000):
            ask(visitor.base, "POST", f"/v1/votes/{vote}/close", {}, cookie=creator)
            choose(visitor, 1)
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
        assert "idle" in visitor.find("#transport").text
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
