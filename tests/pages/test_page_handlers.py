"""Pages as a browser gets them: language, headers, links, data blocks, errors."""

import json
from unittest import mock
from urllib.parse import urljoin, urlsplit

import pytest

from handlers import page
from tests.pages.site_of_pages import PagesCase, Parsed

EVERY_PAGE = ("/", "/chat/lobby", "/progress", "/vote", "/nowhere", "/nowhere/deep/down", "/?room=no+such!", "/chat/a%20b")
EVIL = "</script><script>alert(1)</script><!-- \u2028\u2029 & <img src=x onerror=alert(1)>"


class TestLanguage(PagesCase):
    def language(self, path: str, language: str | None = None, **headers: str) -> str | None:
        return Parsed(self.get(path, language, **headers)).all("html")[0]["lang"]

    def test_follows_accept_language(self):
        for header, expected in {
            "zh": "zh",
            "zh-CN,zh;q=0.9,en;q=0.8": "zh",
            "zh-Hans-CN": "zh",
            "de, zh;q=0.7, en;q=0.3": "zh",
            "en-GB,en;q=0.9,zh;q=0.1": "en",
            "zh;q=0, en": "en",
            "fr": "en",
            "*": "en",
            ";;;q=nan,,": "en",
        }.items():
            assert self.language("/", header) == expected, header
        assert self.language("/") == "en"

    def test_link_wins_and_is_remembered(self):
        response = self.get("/chat/lobby?lang=zh", "en")
        cookie = response.headers.get_list("Set-Cookie")
        kept = next(text for text in cookie if text.startswith("anywire_lang=zh"))
        assert "SameSite=Lax" in kept
        assert self.language("/", "en", Cookie="anywire_lang=zh") == "zh"
        assert self.language("/?lang=en", "zh", Cookie="anywire_lang=zh") == "en"

    def test_unknown_language_is_ignored(self):
        for path in ("/?lang=xx", "/?lang=%ff", "/?lang=zh%00", "/?lang=../zh"):
            assert self.language(path, "zh", Cookie="anywire_lang=fr") == "zh"
            assert "anywire_lang" not in str(self.get(path).headers)

    def test_each_page_links_to_itself_in_the_other_language(self):
        links = Parsed(self.get("/chat/lobby?transport=sse")).links()
        assert "?lang=zh&transport=sse" in links
        assert "?lang=zh&transport=%22%3E%3Cb%3E" in Parsed(self.get("/?transport=%22%3E%3Cb%3E")).links()

    def test_error_pages_speak_both(self):
        assert "There is no page here" in self.get("/nowhere", "en").body.decode()
        assert "这里没有页面" in self.get("/nowhere", "zh").body.decode()


class TestHeaders(PagesCase):
    def test_on_every_page(self):
        for path in EVERY_PAGE:
            headers = self.get(path).headers
            policy = headers["Content-Security-Policy"]
            host = f"127.0.0.1:{self.get_http_port()}"
            assert policy.startswith("default-src 'self'; ")
            assert f"connect-src 'self' ws://{host} wss://{host};" in policy
            for rule in ("frame-ancestors 'self'", "base-uri 'none'", "form-action 'self'", "object-src 'none'"):
                assert rule in policy
            assert "unsafe" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Cache-Control"] == "private, no-cache"
            assert headers["Content-Type"] == "text/html; charset=UTF-8"

    def test_only_a_plain_host_enters_the_policy(self):
        for host in ("example.org; script-src *", "a b", "example.org, evil", "[::1]:80", "*", "*.org", "a:999999", "", "a\n", "é.org"):
            assert "ws:" not in page.content_security_policy((host,)), host
        assert "ws://xn--9ca.org:8000 wss://xn--9ca.org:8000" in page.content_security_policy(("xn--9ca.org:8000",))
        assert "script-src" not in self.get("/", Host="a; script-src *").headers.get("Content-Security-Policy", "")

    def test_policy_names_the_host_that_a_trusted_proxy_was_asked_for(self):
        policy = self.get("/", X_Forwarded_Host="chat.example.org").headers["Content-Security-Policy"]
        assert "wss://chat.example.org" in policy

    def test_head(self):
        response = self.fetch("/chat/lobby", method="HEAD")
        assert (response.code, response.body) == (200, b"")


class TestMarkup(PagesCase):
    def test_every_link_is_relative_and_leads_somewhere(self):
        for path in EVERY_PAGE:
            for link in Parsed(self.get(path)).links():
                parts = urlsplit(link)
                assert not parts.scheme and not parts.netloc and not link.startswith("/"), (path, link)
                target = urlsplit(urljoin(self.get_url(path), link))
                if target.path != "/anywire.js":
                    assert self.get(f"{target.path}?{target.query}").code in (200, 303) or target.path == urlsplit(path).path, (path, link)

    def test_links_stay_below_a_prefix(self):
        for path in EVERY_PAGE:
            for link in Parsed(self.get(path)).links():
                assert urlsplit(urljoin(f"http://site/any/prefix{path}", link)).path.startswith("/any/prefix/"), (path, link)

    def test_nothing_inline(self):
        for path in EVERY_PAGE:
            parsed = Parsed(self.get(path))
            assert not parsed.all("style")
            for tag, attributes in parsed.elements:
                assert "style" not in attributes
                assert not [name for name in attributes if name.startswith("on")]
                assert tag != "script" or "src" in attributes or attributes["type"] == "application/json"

    def test_ids_are_unique_and_labels_have_targets(self):
        for path in EVERY_PAGE:
            elements = Parsed(self.get(path)).elements
            ids = [found["id"] for _, found in elements if "id" in found]
            assert len(ids) == len(set(ids))
            for name in ("for", "aria-controls", "aria-labelledby", "aria-describedby"):
                assert {id for _, found in elements for id in (found.get(name) or "").split()} <= set(ids)

    def test_chat_has_what_the_contract_names(self):
        ids = {found.get("id"): tag for tag, found in Parsed(self.get("/chat/lobby")).elements}
        assert (ids["messages"], ids["text"], ids["send"]) == ("ol", "input", "button")

    def test_static_files_carry_their_version(self):
        for link in Parsed(self.get("/chat/lobby")).links():
            assert "/static/" not in link or "?v=" in link


class TestDataBlocks(PagesCase):
    def test_nothing_breaks_out(self):
        with mock.patch.object(page.Page, "offer", lambda self: {"evil": EVIL}):
            response = self.get("/chat/lobby", "zh")
        assert b"<img" not in response.body.replace(b'<img src="../static', b"")
        assert "\u2028" not in response.body.decode()
        parsed = Parsed(response)
        assert parsed.block("anywire-offer") == {"evil": EVIL}
        assert parsed.block("anywire-strings")["Disconnect"] == "断开"
        assert parsed.block("anywire-page") == {"base": "../", "channel": "chat:lobby", "room": "lobby"}

    def test_any_text_survives(self):
        for text in (EVIL, "]]>", "\x00\x1f", "\ud800", "'\"\\", "😀", "<SCRIPT", "<!--<script>"):
            block = page.data_block({text: text})
            assert json.loads(block) == {text: text}
            assert block.isascii() and not set(block) & set("<>&")

    def test_english_needs_no_strings(self):
        assert Parsed(self.get("/", "en")).block("anywire-strings") == {}

    def test_offer_is_the_negotiation_answer(self):
        offer = Parsed(self.get("/")).block("anywire-offer")
        assert offer["protocol"] == 1
        assert [transport["name"] for transport in offer["transports"]] == ["websocket", "sse", "long-poll", "short-poll"]


class TestRooms(PagesCase):
    def test_names_follow_the_channel_syntax(self):
        for name in ("lobby", "a", "A.b_c~d-9", "x" * 128, "...a"):
            assert self.get(f"/chat/{name}").code == 200, name
        for name in ("", "a%20b", "x" * 129, "%E4%BD%A0", "a%2Fb", "%3Cb%3E", "..", ".", "a%00", "a%0a", "%ff"):
            response = self.get(f"/chat/{name}")
            assert response.code in (400, 404), name
            assert b"<h1>" in response.body, name

    def test_form_leads_to_the_room_without_script(self):
        for sent, name in {"help": "help", "+my+room+": "my-room", "%23lobby": "lobby"}.items():
            response = self.get(f"/?room={sent}")
            assert (response.code, response.headers["Location"]) == (303, f"chat/{name}")

    def test_form_says_why_a_name_is_refused(self):
        for sent in ("%22%3E%3Cb%3E", "%E4%BD%A0%E5%A5%BD", "..", "a/b", "x" * 129, "%ff", "http%3A%2F%2Fevil%2F"):
            response = self.get(f"/?room={sent}")
            assert response.code == 400, sent
            body = response.body.decode()
            assert 'role="alert"' in body and "<b>" not in body


class TestErrors(PagesCase):
    def test_404_is_json_for_who_reads_no_pages(self):
        response = self.fetch("/nowhere", headers={"Accept": "application/json"})
        assert response.code == 404
        assert json.loads(response.body)["error"]["code"] == "not-found"

    def test_403_for_a_foreign_origin(self):
        response = self.get("/chat/lobby", Origin="https://evil.example")
        assert response.code == 403
        assert b"Not allowed" in response.body

    def test_405(self):
        assert self.fetch("/", method="POST", body="", headers={"Accept": "text/html"}).code == 405

    def test_a_fault_of_ours_shows_no_details(self):
        with mock.patch.object(page.Page, "offer", side_effect=RuntimeError("secret detail")):
            response = self.get("/")
        assert response.code == 500
        assert b"Something went wrong here" in response.body
        assert b"secret detail" not in response.body


@pytest.mark.parametrize("name", ["favicon.png", "favicon.svg", "mark.svg", "touch-icon.png"])
def test_images_are_small(name):
    assert (page.STATIC / "img" / name).stat().st_size < 8192
