"""A room, a vote and an import in edbrowse, with its scripts on and off: what it sends, others get, and the other way round."""

from collections.abc import Iterator

import pytest

from tests.pages.asking import ask, write_orders
from tests.pages.browser import publish
from tests.pages.edbrowse import Edbrowse
from tests.pages.voting import cast, make


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def edbrowse(request, tmp_path) -> Iterator[Edbrowse]:
    browser = Edbrowse(tmp_path, scripts=request.param)
    yield browser
    browser.close()


def said(base: str, room: str) -> list[str]:
    return [message["data"]["text"] for message in ask(base, "GET", f"/v1/history?channel=chat:{room}")["messages"]]


def wait_for_line(browser: Edbrowse, base: str, room: str, text: str) -> None:
    for _ in range(100):
        if text in said(base, room):
            return
        browser.page()  # its timers run on
    raise AssertionError(f"{text!r} was not stored")


def test_a_room(server, edbrowse):
    room = f"edbrowse-{edbrowse.has_scripts}"
    publish(server.url, room, "said before", "<b>as text</b>", name="Ann")
    edbrowse.open(f"{server.url}/chat/{room}")
    page = edbrowse.until("said before")
    assert "Ann" in page and "<b>as text</b>" in page
    if edbrowse.has_scripts:
        edbrowse.until("Connected by")
    edbrowse.at("<Send>", "i1=a line from edbrowse")
    edbrowse.at("<Send>", "i2*")
    wait_for_line(edbrowse, server.url, room, "a line from edbrowse")
    assert edbrowse.until("a line from edbrowse").count("a line from edbrowse") == 1
    publish(server.url, room, "said after")
    if not edbrowse.has_scripts:
        edbrowse.at("Load new messages", "g")
    edbrowse.until("said after")
    assert said(server.url, room) == ["said before", "<b>as text</b>", "a line from edbrowse", "said after"]


def test_a_name(server, edbrowse):
    edbrowse.open(f"{server.url}/chat/edbrowse-name")
    if edbrowse.has_scripts:
        edbrowse.until("Connected by")
    edbrowse.at("Your name", "i1=Zoe of the lines")
    edbrowse.at("Your name", "i2*")
    edbrowse.until("You write as Zoe of the lines")


def test_a_vote(server, edbrowse):
    vote = make(server.url)
    cast(server.url, vote, 1)
    edbrowse.open(f"{server.url}/vote/{vote}")
    page = edbrowse.until("By the river *(100%)? *1 vote" if not edbrowse.has_scripts else "long polling why")
    assert "Where to?" in page
    edbrowse.at("Canteen", "i1=+")
    if not edbrowse.has_scripts:
        edbrowse.at("<Vote>", "i1*")
    edbrowse.until("Your vote for Canteen is counted")
    assert ask(server.url, "GET", f"/v1/votes/{vote}")["tally"] == [0, 1, 1]
    edbrowse.at("Noodle bar", "i1=+")
    if not edbrowse.has_scripts:
        edbrowse.at("<Vote>", "i1*")
    edbrowse.until("Your vote for Noodle bar is counted")
    assert ask(server.url, "GET", f"/v1/votes/{vote}")["tally"] == [1, 1, 0]


def test_a_question(server, edbrowse):
    edbrowse.open(f"{server.url}/vote")
    edbrowse.at("^Question", "ib")
    edbrowse.do("e2")
    edbrowse.do("a\nTea or coffee?\n.")
    edbrowse.do("e1")
    edbrowse.at("^1. <", "i1=Tea")
    edbrowse.at("^2. <", "i1=Coffee")
    edbrowse.at("Start the vote", "i1*")
    page = edbrowse.until("Nobody has voted yet")
    assert "Tea or coffee?" in page and "Coffee" in page


def test_an_import(server, edbrowse, tmp_path):
    orders = write_orders(tmp_path / "orders.csv", 200, range(7, 200, 50))
    edbrowse.open(f"{server.url}/progress")
    if edbrowse.has_scripts:
        edbrowse.until("idle why")
    edbrowse.at("<>", f"i1={orders}")
    edbrowse.at("Start import", "i1*")
    if edbrowse.has_scripts:
        page = edbrowse.until("rows imported")
    else:
        page = edbrowse.until("rows imported|Look again")
        for _ in range(50):
            if "rows imported" in page:
                break
            edbrowse.at("Look again", "g")
            page = edbrowse.page()
    assert "196 rows imported and 4 refused" in page
    assert "Row 7" in page
