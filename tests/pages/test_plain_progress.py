"""An import, its job and the list of jobs without script."""

import re
import time

import pytest

from handlers import job_words
from protocol.progress import Job
from tests.pages.asking import ask, write_orders
from tests.pages.plain import PlainPage, PlainVisitor

WAIT_S = 20


@pytest.fixture
def reader(server) -> PlainVisitor:
    return PlainVisitor(server.url)


@pytest.fixture(scope="module")
def orders(tmp_path_factory) -> bytes:
    return write_orders(tmp_path_factory.mktemp("orders") / "orders.csv", 200, range(7, 200, 50)).read_bytes()


def upload(reader: PlainVisitor, content: bytes, name: str = "orders.csv", page: PlainPage | None = None, **changed: object) -> PlainPage:
    page = page or reader.open("/progress")
    return reader.send(page, page.form("file"), file=(name, content), **changed)


def until_done(reader: PlainVisitor, page: PlainPage) -> PlainPage:
    """As its own `refresh` does, without the pause."""
    deadline = time.monotonic() + WAIT_S
    while re.search(r'<noscript>.*http-equiv="refresh" content="\d+"', page.html):
        assert time.monotonic() < deadline
        page = reader.open(page.link("Look again"))
    return page


class TestImporting:
    def test_a_file_becomes_a_job_to_its_end(self, reader, orders):
        page = upload(reader, orders, "C:\\data\\orders.csv")
        assert re.search(r"/progress\?job=[\w-]{22}$", page.url)
        page = until_done(reader, page)
        assert "196 rows imported and 4 refused in" in page.text
        assert "Row 7 Line 8: the header has 4 fields, this record 2." in page.text
        assert "orders.csv" in page.links
        assert "第 7 行" in PlainVisitor(reader.base, "zh").open(page.url).text

    def test_a_form_that_is_sent_twice_imports_once(self, reader, orders):
        page = reader.open("/progress")
        first, second = (upload(reader, orders, page=page) for _ in range(2))
        assert first.url == second.url
        assert len(ask_jobs(reader)) == 1
        other = upload(reader, orders + b"1,2\n", page=page)
        assert other.status == 409 and "this form has sent another file already" in other.text
        assert upload(reader, orders + b"1,2\n", page=other).status == 200
        assert len(ask_jobs(reader)) == 2

    @pytest.mark.parametrize(
        ("name", "content", "status", "why"),
        [
            ("", b"", 400, "Choose a file first."),
            ("empty.csv", b"", 400, "empty.csv was not imported: The file is empty."),
            ("broken.json", b'[{"a":1}', 400, "broken.json was not imported: The JSON is cut"),
        ],
    )
    def test_what_is_no_file_is_said(self, reader, name, content, status, why):
        page = upload(reader, content, name)
        assert page.status == status and why in page.text
        assert ask_jobs(reader) == []
        assert reader.open(page.url).url.partition("?")[0] == f"{reader.base}/progress"  # a reload, or a link of that page

    @pytest.mark.parametrize("token", [None, "wrong"])
    def test_without_its_token(self, reader, orders, token):
        page = upload(reader, orders, _xsrf=token)
        assert page.status == 403 and "Nothing was imported: this page was open for too long" in page.text
        assert ask_jobs(reader) == []

    def test_too_large(self, reader):
        page = upload(reader, b"a,b\n" + b"x" * (51 * 1024 * 1024))
        assert page.status == 413 and "an import takes 50 MB at most" in page.text
        assert ask_jobs(reader) == []

    def test_another_sites_form(self, reader):
        page = reader.open("/progress")
        refused = reader._ask(f"{reader.base}/progress/import", b"x", "multipart/form-data; boundary=x", Origin="https://evil.example")
        assert refused.status == 403 and "Not allowed" in refused.text
        assert page.status == 200


def ask_jobs(reader: PlainVisitor) -> list[dict]:
    cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in reader.cookies)
    return ask(reader.base, "GET", "/v1/jobs", cookie=cookie)["jobs"]


class TestJobs:
    def job(self, reader: PlainVisitor, **fields: object) -> dict:
        reader.open("/progress")
        cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in reader.cookies)
        return ask(reader.base, "POST", "/v1/jobs", {"title": '<b>"A script"', "total": 8, **fields}, cookie=cookie)

    def test_how_far_it_is(self, reader):
        made = self.job(reader, unit="pages")
        ask(reader.base, "PATCH", f"/v1/jobs/{made['id']}", {"done": 2, "note": "<i>half of the half"}, key=made["key"])
        page = reader.open(f"/progress?job={made['id']}")
        assert (
            '<b>"A script"' in page.text and "<i>half" in page.text and "<b>" not in page.html.partition("<main")[2].partition("Import")[0]
        )
        assert "running since 2" in page.text and "25%" in page.text and "2 of 8 pages" in page.text
        assert 'http-equiv="refresh" content="3"' in page.html

    def test_cancel_by_who_made_it_alone(self, reader, server):
        made = self.job(reader)
        page = reader.open(f"/progress?job={made['id']}")
        other = PlainVisitor(server.url)
        seen = other.open(page.url)
        assert "Cancel" not in [form.action for form in seen.forms] and all("job=" not in form.action for form in seen.forms)
        token = dict(seen.form("file").fields)["_xsrf"]
        refused = other._ask(page.url, f"_xsrf={token}".encode(), "application/x-www-form-urlencoded")
        assert refused.status == 403 and "The job was not cancelled: this is not allowed here" in refused.text
        form = next(form for form in page.forms if "job=" in form.action)
        assert reader.send(page, form, _xsrf="no").status == 403
        page = reader.send(page, form)
        assert "Cancelled after" in page.text and 'http-equiv="refresh"' not in page.html
        assert reader.send(page, form).status == 200  # once more is the same

    def test_an_end_is_final(self, reader):
        made = self.job(reader)
        page = reader.open(f"/progress?job={made['id']}")
        ask(reader.base, "PATCH", f"/v1/jobs/{made['id']}", {"state": "done"}, key=made["key"])
        late = reader.send(page, next(form for form in page.forms if "job=" in form.action))
        assert late.status == 409 and "The job was not cancelled: it has ended already" in late.text
        assert "done at 2" in late.text

    def test_anybody_cancels_what_anybody_may(self, reader, server):
        made = self.job(reader, cancellable="anyone")
        other = PlainVisitor(server.url)
        page = other.open(f"/progress?job={made['id']}")
        assert "Cancelled after" in other.send(page, next(form for form in page.forms if "job=" in form.action)).text

    def test_the_list_is_the_visitors_own(self, reader, server):
        made = self.job(reader)
        assert reader.open("/progress").links['<b>"A script"'].endswith(f"progress?job={made['id']}")
        assert "Nothing yet" in PlainVisitor(server.url).open("/progress").text

    def test_no_such_job(self, reader):
        page = reader.open("/progress?job=none")
        assert page.status == 404 and "There is no such job" in page.text


class TestWords:
    def job(self, **fields: object) -> Job:
        return Job(**{"id": "j", "title": "Import", "started": 1_795_000_000_000, "updated": 1_795_000_000_000, **fields})

    def facts(self, **fields: object) -> str:
        return job_words.facts(self.job(**fields), str)

    def test_as_the_script_says_it(self):
        assert self.facts(done=1240, total=2000, unit="rows") == "1,240 of 2,000 rows"
        assert self.facts(done=1.26, rate=0.5, eta=3) == "1.3 · 30 a minute · a few seconds left"
        assert self.facts(done=7, total=7, state="done") == ""
        for eta_s, words in {
            49: "about 50 seconds",
            89: "about a minute",
            600: "about 10 minutes",
            9e3: "about 2 hours",
            2e5: "about 2 days",
        }.items():
            assert self.facts(eta=eta_s) == f"{words} left"

    def test_an_end(self):
        def end(**fields: object) -> str:
            return job_words.end(self.job(**fields), str)

        assert end() == ""
        assert end(state="done", updated=1_795_000_062_000, result={"imported": 1000, "refused": 2}) == (
            "1,000 rows imported and 2 refused in 1 min 2 s."
        )
        assert end(state="done", updated=1_795_007_260_000, result=[1]) == "Done in 2 h 1 min."
        assert end(state="cancelled", updated=1_795_000_001_500, items=3) == "Cancelled after 1.5 s. What was imported until then stays."

    def test_the_servers_sentences_in_another_language(self):
        def translate(text: str) -> str:
            return f"zh:{text}"

        assert job_words.sentence("The file is empty.", translate) == "zh:The file is empty."
        assert job_words.sentence("Line 4: the header has 3 fields, this record 2.", translate) == (
            "zh:Line 4: zh:the header has 3 fields, this record 2."
        )
        assert job_words.sentence("Nobody knows this.", translate) == "Nobody knows this."
