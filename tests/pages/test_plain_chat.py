"""The room without script: read, write and take a name by links and forms alone."""

import html
import os
import re
import signal
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from tests.pages.asking import ask
from tests.pages.browser import publish
from tests.pages.plain import PlainPage, PlainVisitor

EVIL = '"><script>alert(1)</script>&lt;<img src=x onerror=alert(1)>'


@pytest.fixture
def reader(server) -> PlainVisitor:
    return PlainVisitor(server.url)


def stored(base: str, room: str) -> list[tuple[str, str]]:
    """Who said what, as another client gets it."""
    answer = ask(base, "GET", f"/v1/history?channel=chat:{room}&limit=1000")
    return [(message["user"]["name"], message["data"]["text"]) for message in answer["messages"]]


def say(reader: PlainVisitor, page: PlainPage, text: str, **changed: object) -> PlainPage:
    return reader.send(page, page.form("text"), text=text, **changed)


def lines(page: PlainPage) -> list[str]:
    return [html.unescape(text) for text in re.findall(r'<p class="text" dir="auto">(.*?)</p>', page.html, re.DOTALL)]


class TestReading:
    def test_who_when_and_what_as_text(self, reader):
        publish(reader.base, "plain-what", "good morning", EVIL, name="Zoë & Co")
        page = reader.open("/chat/plain-what")
        assert lines(page) == ["good morning", EVIL]
        assert "<img src=x" not in page.html and "<script>alert" not in page.html
        assert re.search(r"\d{4}-\d\d-\d\d Zoë & Co good morning \d\d:\d\d UTC", page.text)
        assert re.search(r'<time class="time" datetime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00">', page.html)
        assert "Nothing has been said here yet" not in page.text

    def test_an_empty_room_says_so(self, reader):
        assert "Nothing has been said here yet" in reader.open("/chat/plain-empty").text

    def test_what_programs_publish_is_shown_as_it_is(self, reader):
        for data in ("only text", {"price": 1.5, "of": ["tea"]}, 7, None):
            ask(reader.base, "POST", "/v1/publish", {"channel": "chat:plain-data", "data": data})
        assert lines(reader.open("/chat/plain-data")) == ["only text", '{"price":1.5,"of":["tea"]}', "7", "null"]

    def test_links_lead_back_to_the_first_line_and_to_the_newest(self, reader):
        texts = [f"line {number}" for number in range(1, 121)]
        publish(reader.base, "plain-pages", *texts)
        page = reader.open("/chat/plain-pages?transport=sse")
        seen = lines(page)
        assert seen == texts[-50:]
        while "Earlier messages" in page.links:
            page = reader.open(page.link("Earlier messages"))
            seen = lines(page) + seen
        assert seen == texts
        newest = page.link("Show the newest messages")
        assert newest.endswith("&transport=sse") and lines(reader.open(newest)) == texts[-50:]

    def test_a_position_of_another_life_of_the_log_shows_the_newest(self, reader):
        publish(reader.base, "plain-epoch", "here")
        assert lines(reader.open("/chat/plain-epoch?before=zzzz9-1")) == ["here"]
        assert reader.open("/chat/plain-epoch?before=nonsense").status == 400


class TestWriting:
    def test_a_line_is_stored_and_shown_to_everybody(self, reader):
        page = say(reader, reader.open("/chat/plain-say"), "said without script 你好")
        assert page.status == 200 and urlsplit(page.url)[2:] == ("/chat/plain-say", "", "text")
        assert lines(page) == ["said without script 你好"]
        assert page.value("text") == ""
        assert [text for _, text in stored(reader.base, "plain-say")] == ["said without script 你好"]

    def test_a_form_that_is_sent_twice_stores_once(self, reader):
        page = reader.open("/chat/plain-twice")
        for _ in range(3):
            assert lines(say(reader, page, "once")) == ["once"]
        assert len(stored(reader.base, "plain-twice")) == 1

    def test_a_form_gone_back_to_takes_other_words(self, reader):
        page = reader.open("/chat/plain-back")
        say(reader, page, "first")
        assert lines(say(reader, page, "second")) == ["first", "second"]

    def test_the_same_words_in_another_form_are_stored_again(self, reader):
        page = say(reader, reader.open("/chat/plain-again"), "yes")
        assert lines(say(reader, page, "yes")) == ["yes", "yes"]

    def test_another_name(self, reader):
        page = reader.open("/chat/plain-name")
        page = reader.send(page, page.form("name"), name="  Zoë <b> ")
        assert "You write as Zoë <b>" in page.text
        say(reader, page, "by me")
        assert stored(reader.base, "plain-name") == [("Zoë <b>", "by me")]
        refused = reader.send(page, page.form("name"), name="\u202e")
        assert refused.status == 400
        assert "The name was not changed: a name has 1 to 40 characters" in refused.text
        assert refused.value("name") == "\u202e" and "You write as Zoë <b>" in refused.text


class TestRefusals:
    def keeps(self, reader: PlainVisitor, page: PlainPage, status: int, why: str, typed: str) -> None:
        """It says why, shows the room, and what was typed needs only to be sent."""
        assert page.status == status
        assert f"Not sent: {why}" in page.text
        assert page.value("text") == typed
        assert page.headers["Content-Type"].startswith("text/html")

    def test_nothing_written(self, reader):
        self.keeps(reader, say(reader, reader.open("/chat/plain-no"), "  "), 400, "nothing was written", "  ")

    def test_too_long(self, reader):
        text = "é" * 40_000
        self.keeps(reader, say(reader, reader.open("/chat/plain-no"), text), 413, "it is too long", text)
        assert stored(reader.base, "plain-no") == []
        far_too_long = say(reader, reader.open("/chat/plain-no"), "x" * 300_000)
        assert far_too_long.status == 413 and "Not sent: it is too long" in far_too_long.text

    @pytest.mark.parametrize("token", [None, "", "wrong", "2|00000000|00000000000000000000000000000000|1"])
    def test_without_its_token(self, reader, token):
        page = reader.open("/chat/plain-token")
        refused = say(reader, page, EVIL, _xsrf=token)
        self.keeps(reader, refused, 403, "this page was open for too long", EVIL)
        assert "<img src=x" not in refused.html
        assert stored(reader.base, "plain-token") == []

    def test_a_token_that_has_expired_and_once_more(self, reader):
        page = reader.open("/chat/plain-expired")
        reader.cookies.clear()
        refused = say(reader, page, "kept")
        self.keeps(reader, refused, 403, "this page was open for too long", "kept")
        assert lines(reader.send(refused, refused.form("text"))) == ["kept"]

    def test_another_sites_form(self, reader):
        page = reader.open("/chat/plain-origin")
        body = b"text=x&_xsrf=" + page.value("_xsrf").encode()
        refused = reader._ask(page.url, body, "application/x-www-form-urlencoded", Origin="https://evil.example")
        assert refused.status == 403 and "Not allowed" in refused.text
        assert stored(reader.base, "plain-origin") == []

    def test_not_a_form(self, reader):
        page = reader.open("/chat/plain-json")
        assert reader._ask(page.url, b'{"text":"x"}', "application/json").status == 415
        assert reader._ask(page.url, b"text=%ff", "application/x-www-form-urlencoded").status == 400
        assert reader._ask(page.url, b"&".join(b"a=1" for _ in range(200)), "application/x-www-form-urlencoded").status == 400

    def test_too_much_at_once(self, start_server):
        server = start_server(publish_per_s=0.5)
        reader = PlainVisitor(server.url, "zh")
        page = reader.open("/chat/plain-fast")
        for number in range(5):
            page = say(reader, page, f"{number}")
            assert page.status == 200
        refused = say(reader, page, "too soon")
        assert refused.status == 429 and int(refused.headers["Retry-After"]) >= 1
        assert "未发送：短时间内操作太多" in refused.text
        assert refused.value("text") == "too soon" and lines(refused) == ["0", "1", "2", "3", "4"]

    def test_while_the_log_is_away(self, start_server):
        server = start_server()
        reader = PlainVisitor(server.url)
        page = say(reader, reader.open("/chat/plain-away"), "before")
        os.kill(server.mongod_pid, signal.SIGSTOP)
        try:
            refused = say(reader, page, "kept meanwhile")
            self.keeps(reader, refused, 503, "the server cannot reach its database", "kept meanwhile")
            assert "The messages cannot be shown just now: the server cannot reach its database." in refused.text
        finally:
            os.kill(server.mongod_pid, signal.SIGCONT)
        page = reader.send(refused, refused.form("text"))
        assert page.status == 200 and lines(page) == ["before", "kept meanwhile"]  # whether the first try was stored or not


class TestHeaders:
    def test_a_page_with_a_token_is_kept_by_nobody_else_and_can_be_gone_back_to(self, reader):
        page = reader.open("/chat/plain-headers")
        assert page.headers["Cache-Control"] == "private, no-cache"
        (cookie,) = [cookie for cookie in page.headers.get_all("Set-Cookie") if cookie.startswith("_xsrf=")]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie

    def test_by_https_the_token_stays_there(self, server):
        request = urllib.request.Request(f"{server.url}/chat/plain-https", headers={"X-Forwarded-Proto": "https"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert all("Secure" in cookie for cookie in answer.headers.get_all("Set-Cookie"))

    def test_small_browsers_that_take_anything_get_pages(self, server):
        for path, kind in {"/chat/a%20b": "text/html", "/vote/none": "text/html", "/v1/nowhere": "application/json"}.items():
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(server.url + path, headers={"Accept": "*/*"}), timeout=10)
            assert refused.value.headers["Content-Type"].startswith(kind)
