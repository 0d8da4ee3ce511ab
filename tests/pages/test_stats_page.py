"""The operator's figures: readable on the smallest screen, in both languages, by anybody, without a script."""

import pytest

from handlers import page
from negotiation.transports import TRANSPORTS
from negotiation.verdicts import VERDICTS
from tests.handlers.talking import Visitor as Client
from tests.handlers.talking import ask, eventually
from tests.pages.test_page_access import barriers

REPORT_S = 30.0
"""A client reports when its attempts have come to their ends."""


@pytest.fixture(scope="module")
def told(server):
    """The server, told of every fault on every transport, and of names that nobody knows."""
    attempts = [{"transport": transport, "verdict": code} for transport in (*TRANSPORTS, "pigeon") for code in VERDICTS]
    for first in range(0, len(attempts), 50):
        client = Client(server, {"X-Forwarded-For": "198.18.7.1"})
        assert client.ask("POST", "/v1/report", data={"attempts": attempts[first : first + 50]}).status == 204
        client.ask("GET", "/v1/short-poll?sub=chat:stats")
    return server


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", list(page.LANGUAGES))
@pytest.mark.parametrize("width", [320, 1280])
def test_everybody_can_read_it(told, visitor, language, dark, width):
    visitor.screen(width, 800, dark=dark)
    visitor.driver.get(f"{visitor.base}/stats?lang={language}")
    assert visitor.run("return document.documentElement.scrollWidth") == width
    assert visitor.run(
        "return Array.prototype.every.call(document.querySelectorAll('.counts'), function (table) {"
        " var card = table.parentNode; return table.getBoundingClientRect().right"
        " <= card.getBoundingClientRect().right - parseFloat(getComputedStyle(card).paddingRight) + .5; })"
    )
    assert barriers(visitor) == []


def test_the_tables_say_all(told, visitor):
    visitor.screen(1280, 800)
    before = ask(told, "GET", "/stats?format=json").json["periods"]  # a page of the test before may still be leaving
    visitor.driver.get(f"{visitor.base}/stats?lang=en")
    figures = ask(told, "GET", "/stats?format=json").json["periods"]
    for number, period in enumerate(figures):
        rows = visitor.run(
            "return Array.prototype.map.call(document.querySelectorAll('[aria-labelledby=' + arguments[0] + '] tbody tr'),"
            " function (row) { return Array.prototype.map.call(row.cells, function (cell) { return cell.textContent.trim(); }); })",
            f"shares-{number}",
        )
        shown = [int(row[2].replace(",", "")) for row in rows]
        assert all(
            b <= s <= n for b, s, n in zip(before[number]["connections"].values(), shown, period["connections"].values(), strict=True)
        )
        assert abs(sum(float(row[1].strip("<>%")) for row in rows) - 100) < 0.5
        said = visitor.find(f"[aria-labelledby=reasons-{number}]").text
        for verdict in VERDICTS.values():
            assert (f"\n{verdict.words} " in said) == verdict.is_fault, verdict.words


def test_bars_are_as_long_as_their_shares(told, visitor):
    visitor.screen(1280, 800)
    visitor.driver.get(f"{visitor.base}/stats?lang=en")
    lengths = visitor.run(
        "return Array.prototype.map.call(document.querySelectorAll('[aria-labelledby=shares-1] .share-bar'), function (bar) {"
        " return 100 * bar.firstElementChild.getBoundingClientRect().width / bar.getBoundingClientRect().width; })"
    )
    connections = ask(told, "GET", "/stats?format=json").json["periods"][1]["connections"]
    shares = [100 * count / sum(connections.values()) for count in connections.values()]
    assert lengths == pytest.approx([max(1, share) if share else 0 for share in shares], abs=1)


def test_every_page_with_a_connection_has_the_panel_and_no_other(server):
    client = Client(server)
    vote = client.ask("POST", "/v1/votes", data={"question": "Where to?", "choices": ["Here", "There"]}).json["id"]
    html = {"Accept": "text/html"}
    for path in ("/", "/chat/lobby", "/progress", f"/vote/{vote}"):
        body = client.ask("GET", path, html).body
        assert b'id="transport-panel"' in body and b'id="anywire-verdicts"' in body, path
    for path in ("/vote", "/stats", "/nowhere"):
        assert b"transport-panel" not in client.ask("GET", path, html).body, path


BARRED = """
var Socket = window.WebSocket;
window.WebSocket = function () { return new Socket('ws://' + location.host + '/nowhere'); };
"""


def test_a_browser_whose_websocket_is_refused_is_seen_here(server, visitor):
    """From its own report, with nobody's help."""

    def blocked() -> int:
        return ask(server, "GET", "/stats?format=json").json["periods"][0]["verdicts"].get("websocket", {}).get("blocked", 0)

    before = blocked()
    added = visitor.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": BARRED})
    try:
        visitor.open("/?lang=en")
        assert "WebSocket: blocked on the way." in visitor.find("#live-why").text
        eventually(lambda: blocked() == before + 1, within_s=REPORT_S)
    finally:
        visitor.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": added["identifier"]})
