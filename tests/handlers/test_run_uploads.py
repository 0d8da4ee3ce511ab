"""Files on their way in: however they are cut, too large, half, or no form at all; nothing is left of them afterwards."""

import random
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.upload import MAX_FILE_BYTES, Form
from protocol.codes import ProtocolError
from tests.handlers.runs import BOUNDARY, CSV, FORM, JSON, database, form, part, stored, uploads
from tests.handlers.talking import Link, Visitor, ask, eventually, read_answer, request

TABLE = b'name,text\nAnn,"a\r\nb"\n--x,\r\n"-\r\n--' + BOUNDARY.encode()[:-1] + b'",1\n'
BODY = form(part(b"before", "note", None, ""), part(TABLE, filename='tab;le\\".csv'), part(b"\r\n--" * 9, "other", None, ""))


def chunked(pieces: list[bytes]) -> list[bytes]:
    return [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece] + [b"0\r\n\r\n"]


def send_chunked(visitor: Visitor, pieces: list[bytes], headers: dict[str, str], query: str = "") -> dict:
    link = Link(visitor.server.port)
    link.send(request("POST", f"/v1/run/import{query}", {**visitor.headers, **headers, "Transfer-Encoding": "chunked"}))
    for piece in chunked(pieces):
        link.send(piece)
    answer = read_answer(link)
    link.close()
    assert answer.status == 200, answer.body
    return answer.json


def test_a_form_may_be_cut_anywhere():
    for at in range(len(BODY) + 1):
        parser = Form(BOUNDARY.encode())
        assert parser.feed(BODY[:at]) + parser.feed(BODY[at:]) == TABLE, at
        parser.check()
    parser = Form(BOUNDARY.encode())
    assert b"".join(parser.feed(bytes([byte])) for byte in BODY) == TABLE
    parser.check()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 600), max_size=6))
def test_any_content_comes_out_of_a_form_as_it_went_in(content, cuts):
    body, parser = form(part(content)), Form(BOUNDARY.encode())
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    assert b"".join(parser.feed(body[a:b]) for a, b in zip(places, places[1:], strict=False)) == content


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"\r\n", b"--", b"--" + BOUNDARY.encode(), BODY[:200]]), max_size=12))
def test_any_bytes_are_a_form_or_refused(pieces):
    parser = Form(BOUNDARY.encode())
    try:
        for piece in pieces:
            parser.feed(piece)
        parser.check()
    except ProtocolError as error:
        assert error.code == "bad-request"


def test_a_form_that_comes_byte_by_byte(server, visitor):
    pieces = [bytes([byte]) for byte in BODY]
    answer = send_chunked(visitor, pieces, FORM)
    assert answer["job"]["title"] == 'tab;le".csv'
    assert stored(server, answer["job"]["id"])[0] == {"name": "Ann", "text": "a\r\nb"}
    for _ in range(5):
        at = sorted(random.sample(range(len(BODY)), 2))
        again = send_chunked(visitor, [BODY[: at[0]], BODY[at[0] : at[1]], BODY[at[1] :]], FORM)
        assert again["result"] == answer["result"]
    assert send_chunked(visitor, [bytes([byte]) for byte in TABLE], CSV)["result"] == answer["result"]


def big(size: int) -> bytes:
    """A table of that many bytes, with one good row and a long one."""
    return b"a,b\n1,2\n" + b"x" * (size - 8)


def test_a_file_has_50_mib_at_most(server, visitor):
    for headers, body in ((CSV, big(MAX_FILE_BYTES)), (FORM, form(part(big(MAX_FILE_BYTES))))):
        assert visitor.ask("POST", "/v1/run/import", headers, body=body).json["result"] == {"imported": 1, "refused": 1}
    for headers, body in ((CSV, big(MAX_FILE_BYTES + 1)), (FORM, form(part(big(MAX_FILE_BYTES + 1))))):
        assert visitor.ask("POST", "/v1/run/import", headers, body=body).refusal()[:2] == (413, "too-large")
    link = Link(server.port)
    link.send(request("POST", "/v1/run/import", {**CSV, "Transfer-Encoding": "chunked"}))
    for piece in chunked([b"a\n", *[b"x" * 2**20] * 70]):  # more than Tornado would read by itself
        link.send(piece)
    assert read_answer(link).refusal()[:2] == (413, "too-large")
    link.send(request("GET", "/healthz"))
    assert read_answer(link).status == 200
    announced = ask(server, "POST", "/v1/run/import", {**CSV, "Content-Length": str(10**10)})
    assert announced.refusal()[:2] == (413, "too-large") and str(MAX_FILE_BYTES) in announced.error["message"]
    eventually(lambda: uploads(server) == 0)


@pytest.mark.parametrize(
    ("headers", "body", "refusal"),
    [
        ({}, TABLE, (415, "bad-media-type", None)),
        ({"Content-Type": ""}, TABLE, (415, "bad-media-type", None)),
        ({"Content-Type": "text/plain"}, TABLE, (415, "bad-media-type", None)),
        ({"Content-Type": "application/octet-stream"}, TABLE, (415, "bad-media-type", None)),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"file=x", (415, "bad-media-type", None)),
        ({"Content-Type": "text/csv; charset=iso-8859-1"}, TABLE, (415, "bad-media-type", None)),
        ({**CSV, "Content-Encoding": "gzip"}, TABLE, (415, "bad-media-type", None)),
        ({"Content-Type": ";;;=\xff"}, TABLE, (415, "bad-media-type", None)),
        ({"Content-Type": "multipart/form-data"}, BODY, (400, "bad-request", None)),
        ({"Content-Type": 'multipart/form-data; boundary=""'}, BODY, (400, "bad-request", None)),
        ({"Content-Type": "multipart/form-data; boundary=" + "x" * 300}, BODY, (400, "bad-request", None)),
        ({"Content-Type": "multipart/form-data; boundary=other"}, BODY, (400, "bad-request", None)),
        (FORM, TABLE, (400, "bad-request", None)),
        (FORM, BODY[:-4], (400, "bad-request", None)),
        (FORM, BODY[: len(BODY) // 2], (400, "bad-request", None)),
        (FORM, form(), (400, "bad-request", "file")),
        (FORM, form(part(TABLE, "table")), (400, "bad-request", "file")),
        (FORM, form(part(b"")), (400, "bad-request", "file")),
        (FORM, form(part(TABLE), part(TABLE)), (400, "bad-request", "file")),
        (FORM, form(part(b""), part(TABLE)), (400, "bad-request", "file")),
        (FORM, form(part(TABLE, headers="X-Long: " + "x" * 100_000 + "\r\n")), (400, "bad-request", None)),
        (FORM, form(part(TABLE, headers="X-Many: x\r\n" * 1000)), (400, "bad-request", None)),
        (FORM, form(part(TABLE, headers="no colon\r\n")), (400, "bad-request", None)),
        (FORM, form(part(TABLE, filename="x" * 100_000)), (400, "bad-request", None)),
        (FORM, form(part(b'[{"a":1}', filename="a.json")), (400, "bad-json", None)),
        (CSV, b"", (400, "bad-request", "file")),
        (JSON, b"", (400, "bad-request", "file")),
        (JSON, b'{"records":[{"a":1}', (400, "bad-json", None)),
        (JSON, b'{"rows":[]}', (400, "bad-json", None)),
        (JSON, b'"records"', (400, "bad-json", None)),
        (JSON, b"\xff\xfe[\0", (400, "bad-json", None)),
    ],
)
def test_what_is_no_file(server, visitor, headers, body, refusal):
    """Told by an answer once the body is there, and the connection serves on."""
    link = Link(server.port)
    for _ in range(2):
        link.send(request("POST", "/v1/run/import?stream=true", {**visitor.headers, **headers}, body))
        answer = read_answer(link)
        assert answer.refusal() == refusal
    link.send(request("GET", "/healthz"))
    assert read_answer(link).status == 200
    link.close()


@pytest.mark.parametrize("target", ["/v1/run/nothing", "/v1/run/import?stream=x", "/v1/run/import?id=" + "x" * 65, "/v1/run/report"])
def test_a_refusal_while_the_body_still_comes(server, visitor, target):
    link = Link(server.port)
    body = big(3_000_000)
    link.send(request("POST", target, {**visitor.headers, **CSV}, body)[: -len(body)])
    for at in range(0, len(body), 500_000):
        link.send(body[at : at + 500_000])
    assert read_answer(link).status in (400, 404, 413, 415)
    link.send(request("POST", "/v1/run/import", {**visitor.headers, **CSV}, TABLE))
    assert read_answer(link).status == 200
    link.close()


@pytest.mark.parametrize("headers", [CSV, FORM])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_who_leaves_while_sending_leaves_nothing(server, visitor, headers, how):
    link = Link(server.port)
    body = form(part(big(9_000_000)))
    link.send(request("POST", f"/v1/run/import?id={secrets.token_hex(12)}", {**visitor.headers, **headers}, body)[:-4_000_000])
    with database(server) as found:
        eventually(lambda: found["uploads.chunks"].count_documents({}) >= 3)
        getattr(link, how)()
        eventually(lambda: found["uploads.chunks"].count_documents({}) == 0)
    assert visitor.ask("GET", "/v1/jobs").json["jobs"] == []


def test_who_waits_for_leave_to_send_is_refused_at_once(server, visitor):
    """Expect: 100-continue, as curl sends it with a large file (RFC 9110 section 10.1.1)."""
    link = Link(server.port)
    expecting = {**visitor.headers, **CSV, "Expect": "100-continue"}
    head = request("POST", "/v1/run/import", {**expecting, "Content-Length": str(len(TABLE))})
    link.send(head)
    assert link.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
    link.send(TABLE)
    assert read_answer(link).status == 200
    link.send(head.replace(b"/import", b"/nothing"))
    assert read_answer(link).refusal()[:2] == (404, "not-found")
    link.close()


def test_pages_of_other_origins_may_not_send_files(server, visitor):
    """A browser sends a form of another site without asking first, but never without its origin."""
    for headers, body in ((FORM, BODY), (CSV, TABLE)):
        stranger = {**visitor.headers, **headers, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert ask(server, "POST", "/v1/run/import", stranger, body=body).refusal()[:2] == (403, "bad-origin")
    assert ask(server, "OPTIONS", "/v1/run/import", {"Origin": "https://evil.example"}).refusal()[:2] == (403, "bad-origin")
    assert ask(server, "GET", "/v1/run/report?by=x", {"Origin": "https://evil.example"}).refusal()[:2] == (403, "bad-origin")
    own = {**FORM, "Origin": "http://anywire.test", "Sec-Fetch-Site": "same-origin"}
    assert visitor.ask("POST", "/v1/run/import", own, body=BODY).status == 200
    assert uploads(server) == 0 or eventually(lambda: uploads(server) == 0)
