"""What the tests of the pages of votes share: votes, and what a visitor does with them."""

import pytest

from tests.pages.asking import ask
from tests.pages.browser import Visitor

CHOICES = ["Noodle bar", "By the river", "Canteen"]
EACH = "return Array.prototype.map.call(document.querySelectorAll('#choices %s'), function (node) { return %s; })"
TALLY = EACH % (".votes", "parseInt(node.textContent, 10)")
OWN = EACH % ("input", "node.checked")
STATE = "document.getElementById('ballot').getAttribute('data-own')"


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


def choose_at_once(visitor: Visitor, *numbers: int) -> None:
    """One after the other, faster than any answer comes."""
    visitor.run("[].forEach.call(arguments, function (one) { document.querySelectorAll('#choices input')[one].click(); });", *numbers)


def own(visitor: Visitor) -> list[int]:
    return [number for number, is_mine in enumerate(visitor.run(OWN)) if is_mine]


def wait_for_tally(visitor: Visitor, *tally: int) -> None:
    visitor.until(f"return (function () {{ {TALLY} }}()).join() === arguments[0]", ",".join(map(str, tally)))


def wait_until(visitor: Visitor, state: str) -> None:
    visitor.until(f"return {STATE} === arguments[0]", state)
