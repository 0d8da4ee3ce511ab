"""Asking and voting without script: by forms alone."""

import time

import pytest

from tests.pages.asking import ask
from tests.pages.plain import PlainPage, PlainVisitor
from tests.pages.voting import cast, make

EVIL = '"><script>alert(1)</script>'


@pytest.fixture
def reader(server) -> PlainVisitor:
    return PlainVisitor(server.url)


def fill(reader: PlainVisitor, page: PlainPage | None = None, **fields: object) -> PlainPage:
    page = page or reader.open("/vote")
    return reader.send(page, page.form("question"), **{"question": "Where to?", "choices": ["Here", "There"], **fields})


def standing(page: PlainPage) -> dict:
    base, _, id = page.url.partition("?")[0].rpartition("/vote/")
    return ask(base, "GET", f"/v1/votes/{id}")


def vote_for(reader: PlainVisitor, page: PlainPage, *choices: int, press: str = "do=vote") -> PlainPage:
    return reader.send(page, page.form(press), press, choices=[str(choice) for choice in choices])


class TestAsking:
    def test_a_question_becomes_a_vote(self, reader):
        page = fill(reader, question="  Where\nto? ", choices=["Here", "", " There ", EVIL], multiple="1", closing="3600")
        assert page.status == 200 and EVIL not in page.html
        vote = standing(page)
        assert (vote["question"], vote["choices"], vote["multiple"]) == ("Where to?", ["Here", "There", EVIL], True)
        assert abs(vote["closes"] - (time.time() + 3600) * 1000) < 60_000
        assert "closes 2" in page.text and "UTC" in page.text

    def test_a_time_is_utc(self, reader):
        later = time.time() + 3 * 86_400
        page = fill(reader, closing="at", **{"closing-time": time.strftime("%Y-%m-%dT%H:%M", time.gmtime(later))})
        assert 0 <= later * 1000 - standing(page)["closes"] < 60_000

    def test_a_form_that_is_sent_twice_makes_one_vote_though_its_hour_begins_later(self, reader):
        page = reader.open("/vote")
        first, second = (fill(reader, page, closing="3600") for _ in range(2))
        assert first.status == second.status == 200 and first.url == second.url
        assert fill(reader, page, question="Another?").url != first.url
        assert fill(reader).url != first.url

    def test_more_fields_on_demand(self, reader):
        page = reader.open("/vote")
        assert len([name for name, _ in page.form("question").fields if name == "choices"]) == 6
        page = reader.send(page, page.form("question"), "more", question="Kept?", choices=["a", "b", "c", "", "", ""], multiple="1")
        form = dict(page.form("question").fields)
        assert [value for name, value in page.form("question").fields if name == "choices"] == ["a", "b", "c", *[""] * 7]
        assert form["question"] == "Kept?" and form["multiple"] == "1"
        for _ in range(4):
            page = reader.send(page, page.form("question"), "more")
        assert len([name for name, _ in page.form("question").fields if name == "choices"]) == 20

    @pytest.mark.parametrize(
        ("fields", "status", "why"),
        [
            ({"question": " "}, 400, "What is the question?"),
            ({"choices": ["one"]}, 400, "There have to be two choices at least."),
            ({"choices": ["the same", " the  same"]}, 400, "Two of the choices say the same."),
            ({"closing": "at", "closing-time": "2001-01-01T00:00"}, 400, "The closing time has to lie ahead, within a year."),
            ({"closing": "at", "closing-time": "soon"}, 400, "The closing time has to lie ahead, within a year."),
            ({"closing": "12"}, 400, "The closing time has to lie ahead, within a year."),
            ({"question": "x" * 501}, 413, "The vote was not started: it is too long"),
            ({"_xsrf": "wrong"}, 403, "The vote was not started: this page was open for too long"),
        ],
    )
    def test_what_is_wrong_is_said_and_the_rest_is_kept(self, reader, fields, status, why):
        page = fill(reader, **fields)
        assert (page.status, page.url) == (status, f"{reader.base}/vote")
        assert why in page.text
        wanted = {"question": "Where to?", "choices": ["Here", "There"], **fields}
        kept = [value for name, value in page.form("question").fields if name == "choices"]
        assert page.value("question").strip() == str(wanted["question"]).strip()
        assert kept[: len(wanted["choices"])] == [choice.strip() for choice in wanted["choices"]]
        assert page.value("closing") == (wanted.get("closing", "") if wanted.get("closing") != "12" else "")


class TestVoting:
    def test_vote_change_and_take_back(self, reader):
        id = make(reader.base)
        cast(reader.base, id, 0)
        page = vote_for(reader, reader.open(f"/vote/{id}"), 2)
        assert "Your vote for Canteen is counted." in page.text and "2 people have voted." in page.text
        assert standing(page)["tally"] == [1, 0, 1]
        page = vote_for(reader, page, 1)
        assert standing(page)["tally"] == [1, 1, 0] and page.value("choices") == "1"
        page = vote_for(reader, page, 1, press="do=withdraw")
        assert standing(page)["tally"] == [1, 0, 0] and "is counted" not in page.text

    def test_several(self, reader):
        page = vote_for(reader, reader.open(f"/vote/{make(reader.base, multiple=True)}"), 0, 2)
        assert standing(page)["tally"] == [1, 0, 1]
        assert standing(vote_for(reader, page))["tally"] == [0, 0, 0]

    @pytest.mark.parametrize(("choices", "status"), [([], 400), ([0, 1], 400), ([3], 400), (["x"], 400)])
    def test_no_vote(self, reader, choices, status):
        page = vote_for(reader, reader.open(f"/vote/{make(reader.base)}"), *choices)
        assert page.status == status and "Your vote was not counted: " in page.text
        assert standing(page)["voters"] == 0

    def test_without_its_token_nothing_is_counted_or_closed(self, reader):
        page = fill(reader)
        for press in ("do=vote", "do=close"):
            refused = reader.send(page, page.form(press), press, choices="0", _xsrf=None)
            assert refused.status == 403 and "this page was open for too long" in refused.text
        assert standing(page)["voters"] == 0 and standing(page)["open"]

    def test_its_creator_closes_it(self, reader, server):
        page = fill(reader)
        other = PlainVisitor(server.url)
        seen = other.open(page.url)
        assert "Close the vote" not in [button for form in seen.forms for button in form.buttons] and "do=close" not in seen.html
        form = seen.form("do=vote")
        form.buttons.append(("do", "close"))
        refused = other.send(seen, form, "do=close")
        assert refused.status == 403 and standing(page)["open"]
        late = reader.open(page.url)
        page = reader.send(page, page.form("do=close"), "do=close")
        assert "This vote is closed." in page.text and not standing(page)["open"]
        refused = vote_for(reader, late, 0)
        assert refused.status == 409 and "Your vote was not counted: the vote is closed" in refused.text

    def test_no_such_vote(self, reader):
        page = reader.open("/vote/none")
        assert page.status == 404 and "There is no such vote" in page.text
        token = reader.open("/vote").value("_xsrf")
        assert reader._ask(page.url, f"_xsrf={token}&choices=0".encode(), "application/x-www-form-urlencoded").status == 404
