"""Asking a question in Chromium, on a real server."""

from selenium.webdriver.common.keys import Keys

from tests.pages.asking import WATCH_PRESS, acknowledged, quiet_console, slow_network
from tests.pages.voting import CHOICES

__all__ = ["quiet_console"]
COUNT_POSTS = """
var open = XMLHttpRequest.prototype.open;
XMLHttpRequest.prototype.open = function (method) {
  if (method === 'POST') { sessionStorage.setItem('posts', Number(sessionStorage.getItem('posts')) + 1); }
  return open.apply(this, arguments);
};
"""


def test_by_keyboard_alone(visitor):
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


def test_a_press_shows_at_once_and_two_make_one_vote(visitor):
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


def test_every_fault_is_said_and_the_first_has_the_focus(visitor):
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


def test_pasted_lines_become_choices_and_twenty_are_the_most(visitor):
    visitor.driver.get(f"{visitor.base}/vote")
    visitor.run(
        "var input = document.querySelector('#choices input'), data = new DataTransfer(); input.focus();"
        "data.setData('text/plain', arguments[0]);"
        "input.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))",
        "\n".join(f"Line {number}" for number in range(1, 31)),
    )
    values = visitor.run("return Array.prototype.map.call(document.querySelectorAll('#choices input'), function (i) { return i.value; })")
    assert values == [f"Line {number}" for number in range(1, 21)]
    assert not visitor.find("#add").is_displayed()


def test_closing_by_itself(visitor):
    visitor.driver.get(f"{visitor.base}/vote")
    visitor.find("#question").send_keys("Soon?")
    visitor.find("#choices input").send_keys("A\nB")
    visitor.run("var o = document.querySelector('#closing option[value=\"300\"]'); o.value = '2'")
    visitor.find("#closing option[value='2']").click()
    visitor.find("#make").click()
    visitor.until("return document.getElementById('ballot') && document.getElementById('ballot').dataset.open === 'false'")
    assert visitor.find("#state").text == "closed"
