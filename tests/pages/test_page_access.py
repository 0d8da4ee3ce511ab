"""Nobody is shut out: axe-core on every page, language and colour scheme; the smallest screens; the keyboard alone."""

import pytest
from selenium.webdriver.common.keys import Keys

from handlers import page
from tests.pages.asking import ask, cookie_of, write_orders
from tests.pages.browser import Visitor, publish
from tests.required import missing

AXE = page.ROOT / "build" / "node" / "node_modules" / "axe-core" / "axe.min.js"
LONG = "Donaudampfschifffahrtsgesellschaftskapitän" * 5
TALK = (
    "Good morning",
    "大家早上好，" * 30,
    LONG,
    f"https://example.org/{'a' * 300}",
    "مرحبا بالجميع",
    "👩‍👩‍👧‍👧" * 40,
    "<img src=x onerror=alert(1)>",
    "one\ntwo",
)


def barriers(visitor: Visitor) -> list[str]:
    if not AXE.exists():
        missing("node", "axe-core, which npm brings,")
    visitor.run(AXE.read_text(encoding="utf-8"))
    visitor.driver.set_script_timeout(20)
    found = visitor.driver.execute_async_script(
        "var done = arguments[0]; axe.run({resultTypes: ['violations']}).then(function (result) { done(result.violations); })"
    )
    return [
        f"{violation['impact']} {violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(
    ("language", "dark", "width"),
    [("en", False, 320), ("en", True, 1280), ("zh", False, 1280), ("zh", True, 320)],
    ids=["en-light-320", "en-dark-1280", "zh-light-1280", "zh-dark-320"],
)
def test_axe_finds_nothing(visitor, language, dark, width):
    publish(visitor.base, "axe", *TALK, name="Ann")
    visitor.screen(width, 800, dark=dark)
    visitor.open(f"/?lang={language}")
    assert barriers(visitor) == []
    visitor.open_room("axe", f"?lang={language}")
    visitor.say("mine")
    visitor.wait_for("mine")
    too_long = "document.getElementById('text').value = new Array(70000).join('x'); document.getElementById('send').click()"
    visitor.run(too_long)
    visitor.until("return !!document.querySelector('#messages .failed')")
    assert barriers(visitor) == []
    visitor.find("#transport").click()
    visitor.find("#transport-panel summary").click()
    visitor.find("#name-edit").click()
    assert barriers(visitor) == []
    visitor.driver.get(f"{visitor.base}/nowhere?lang={language}")
    assert barriers(visitor) == []


@pytest.mark.parametrize(
    ("language", "dark", "width"),
    [("en", False, 320), ("en", True, 1280), ("zh", False, 1280), ("zh", True, 320)],
    ids=["en-light-320", "en-dark-1280", "zh-light-1280", "zh-dark-320"],
)
class TestAxeOnJobsAndVotes:
    def test_a_job_from_its_file_to_its_report(self, visitor, tmp_path, language, dark, width):
        visitor.screen(width, 800, dark=dark)
        visitor.driver.get(f"{visitor.base}/progress?lang={language}")
        visitor.find("#start").click()
        assert barriers(visitor) == []
        visitor.find("#file").send_keys(str(write_orders(tmp_path / "orders.csv", 200, range(1, 120))))
        visitor.until("return document.getElementById('chosen-fields').textContent !== ''")
        assert barriers(visitor) == []
        visitor.find("#start").click()
        visitor.until("return document.getElementById('refused-more').offsetWidth > 0 && document.getElementById('report').offsetWidth > 0")
        visitor.find("#count").click()
        visitor.until("return document.querySelectorAll('#groups li').length > 0 && document.querySelectorAll('#jobs li').length > 0")
        assert barriers(visitor) == []

    def test_jobs_in_every_state(self, visitor, language, dark, width):
        visitor.screen(width, 800, dark=dark)
        visitor.driver.get(f"{visitor.base}/progress?lang={language}")
        cookie = cookie_of(visitor)
        for change in ({"done": 3, "note": "half"}, {"state": "failed", "note": "no"}, {"state": "cancelled"}, {"state": "done"}):
            made = ask(visitor.base, "POST", "/v1/jobs", {"title": "A script", "total": 6}, cookie=cookie)
            ask(visitor.base, "PATCH", f"/v1/jobs/{made['id']}", change, key=made["key"])
            visitor.driver.get(f"{visitor.base}/progress?job={made['id']}")
            visitor.until("return document.querySelectorAll('#jobs li').length > 0")
            assert barriers(visitor) == []

    def test_a_vote_from_its_question_to_its_end(self, visitor, language, dark, width):
        visitor.screen(width, 800, dark=dark)
        visitor.driver.get(f"{visitor.base}/vote?lang={language}")
        visitor.find("#closing option[value=at]").click()
        visitor.find("#make").click()
        assert barriers(visitor) == []
        new = {"question": TALK[2], "choices": [TALK[4], TALK[2][:200], "short"]}
        vote = ask(visitor.base, "POST", "/v1/votes", new, cookie=cookie_of(visitor))["id"]
        visitor.open(f"/vote/{vote}?lang={language}")
        visitor.find("#choices input").click()
        visitor.until("return document.getElementById('ballot').getAttribute('data-own') === 'counted'")
        visitor.find("#close").click()
        assert barriers(visitor) == []
        visitor.find("#close-yes").click()
        visitor.until("return document.getElementById('ballot').getAttribute('data-open') === 'false'")
        assert barriers(visitor) == []


@pytest.mark.parametrize("language", list(page.LANGUAGES))
def test_nothing_is_wider_than_the_smallest_screen(visitor, language):
    publish(visitor.base, "narrow", *TALK, name="A" * 40)
    visitor.screen(320, 568)

    def check() -> None:
        assert visitor.run("return document.documentElement.scrollWidth") == 320
        assert visitor.run("var log = document.getElementById('log'); return log ? log.scrollWidth - log.clientWidth : 0") == 0

    visitor.open(f"/?lang={language}")
    check()
    visitor.open_room("narrow", f"?lang={language}")
    check()
    visitor.find("#transport").click()
    visitor.find("#transport-panel summary").click()
    visitor.find("#name-edit").click()
    check()
    visitor.driver.get(f"{visitor.base}/chat/{'x' * 128}")
    check()
    visitor.driver.get(f"{visitor.base}/progress")
    made = ask(visitor.base, "POST", "/v1/jobs", {"title": LONG[:200], "unit": "u" * 20}, cookie=cookie_of(visitor))
    ask(visitor.base, "PATCH", f"/v1/jobs/{made['id']}", {"done": 2**53, "note": LONG}, key=made["key"])
    visitor.driver.get(f"{visitor.base}/progress?job={made['id']}")
    visitor.until("return document.querySelectorAll('#jobs li').length > 0")
    check()
    visitor.find("#transport").click()
    check()
    visitor.driver.get(f"{visitor.base}/progress")
    check()
    visitor.driver.get(f"{visitor.base}/vote")
    visitor.find("#closing option[value=at]").click()
    visitor.find("#make").click()
    check()
    new = {"question": LONG, "choices": [TALK[4] * 5, LONG[:200], TALK[5][:200]]}
    vote = ask(visitor.base, "POST", "/v1/votes", new, cookie=cookie_of(visitor))["id"]
    visitor.open(f"/vote/{vote}")
    visitor.find("#choices li:nth-child(2) input").click()
    visitor.until("return document.getElementById('ballot').getAttribute('data-own') === 'counted'")
    visitor.find("#close").click()
    check()
    visitor.driver.get(f"{visitor.base}/nowhere")
    check()


def test_the_keyboard_is_enough(visitor):
    publish(visitor.base, "keys", *[f"line {number}" for number in range(1, 121)])
    visitor.screen(1280, 800)
    visitor.open_room("keys")

    def tab_to(wanted: str) -> None:
        for _ in range(25):
            if visitor.focused() == wanted:
                return
            visitor.keys(Keys.TAB)
        raise AssertionError(f"Tab doesn't reach {wanted}")

    # the panel opens, takes the focus, closes on Escape and gives it back
    tab_to("transport")
    visitor.keys(Keys.ENTER)
    assert visitor.focused() == "transport-title"
    assert visitor.find("#transport").get_attribute("aria-expanded") == "true"
    visitor.keys(Keys.TAB, Keys.TAB)
    visitor.keys(Keys.ESCAPE)
    assert visitor.focused() == "transport"
    assert not visitor.find("#transport-panel").is_displayed()

    # older messages: coming to their button loads some, pressing it the rest; then it is gone, and the list has the focus
    tab_to("older")
    visitor.until("return !!document.querySelector('#messages [data-offset=\"21\"]')")
    assert visitor.focused() == "older"
    visitor.keys(Keys.ENTER)
    visitor.until("return !!document.querySelector('#messages [data-offset=\"1\"]')")
    assert visitor.texts()[0] == "line 1"
    assert visitor.focused() == "log"
    visitor.keys(Keys.HOME)
    visitor.until("return document.getElementById('log').scrollTop === 0")
    visitor.keys(Keys.END)
    visitor.until("var log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 2")

    # write and send
    tab_to("text")
    visitor.keys("by keyboard", Keys.ENTER)
    visitor.wait_for("by keyboard")
    assert visitor.focused() == "text"

    # a name of one's own
    tab_to("name-edit")
    visitor.keys(Keys.SPACE)
    assert visitor.focused() == "name-text"
    visitor.keys("Otter", Keys.ENTER)
    visitor.until("return document.getElementById('name').textContent === 'Otter'")
    assert visitor.focused() == "name-edit"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/chat/focus", {"BUTTON#transport", "BUTTON#connect", "INPUT#text", "BUTTON#send", "BUTTON#name-edit"}),
        ("/progress", {"BUTTON#transport", "BUTTON#start", "BUTTON#sample"}),
        ("/vote", {"TEXTAREA#question", "BUTTON#add", "INPUT#multiple", "SELECT#closing", "BUTTON#make"}),
    ],
)
def test_the_focus_can_be_seen(visitor, path, expected):
    visitor.screen(1280, 800)
    visitor.driver.get(visitor.base + path)
    seen = set()
    for _ in range(30):
        visitor.keys(Keys.TAB)
        style = visitor.run(
            "var node = document.activeElement, style = getComputedStyle(node);"
            "return [node.tagName + '#' + node.id, style.outlineStyle, parseFloat(style.outlineWidth)]"
        )
        if style[0] == "BODY#":
            break
        if style[0] == "INPUT#file":  # unseen, over the zone that has the outline in its place
            continue
        seen.add(style[0])
        assert style[1] != "none", style
        assert style[2] >= 2, style
    assert expected <= seen
