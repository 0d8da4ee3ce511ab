"""The front reads a head as Tornado does, or leaves it to Tornado (RFC 9112)."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPServerRequest, parse_request_start_line

from handlers.http1 import MAX_HEAD_BYTES, answer, head, may_be_head, parse_head
from tests.protocol.repeatable import examples

PLAIN = b"GET /v1/sse?sub=chat%3Aa HTTP/1.1\r\nHost: x\r\nCookie: a=b; c=d\r\n\r\n"
NAMES = (
    b"Host",
    b"host",
    b"X-Forwarded-For",
    b"Cookie",
    b"Connection",
    b"Upgrade",
    b"Content-Length",
    b"Transfer-Encoding",
    b"A",
    b"",
    b"a b",
)
VALUES = (
    b"x",
    b"",
    b"a b",
    b"x,y",
    b"[::1]:80",
    b"keep-alive",
    b"close",
    b"Upgrade",
    b"\t x \t",
    b"caf\xc3\xa9",
    b"\x00",
    b"a\rb",
    b"a\x0bb",
    b":",
)
ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n ", b"")
LINES = (
    *(
        b"GET /v1/long-poll?sub=a@-1&wait=1 HTTP/1.1",
        b"GET /v1/sse HTTP/1.1",
        b"GET /v1/websocket? HTTP/1.1",
        b"GET /v1/sse?%00%ff HTTP/1.1",
    ),
    *(b"GET /v1/sse?a#b HTTP/1.1", b"GET /v1/sse HTTP/1.0", b"GET /v1/sse/ HTTP/1.1", b"GET  /v1/sse HTTP/1.1", b"get /v1/sse HTTP/1.1"),
    *(b"GET http://x/v1/sse HTTP/1.1", b"POST /v1/sse HTTP/1.1", b"GET /v1/sse\t HTTP/1.1", b"GET /v1/sse?a b HTTP/1.1"),
)


def by_tornado(data):
    """The request as Tornado reads it. Raises what it refuses a request by."""
    text = data.decode("latin1")
    line, _, fields = text.partition("\r\n")
    start = parse_request_start_line(line)
    headers = HTTPHeaders.parse(fields[:-2])
    return HTTPServerRequest(start_line=start, headers=headers)


def check(data):
    found = parse_head(data, "192.0.2.1")
    if found is None:
        return False
    assert may_be_head(data) and all(may_be_head(data[:size]) for size in (1, 5, 8))
    whole = data[: found.size]
    assert whole.endswith(b"\r\n\r\n")
    request = by_tornado(whole)
    assert (request.method, request.version, request.path, request.query) == (found.method, found.version, found.path, found.query)
    assert {name.lower(): value for name, value in request.headers.get_all()} == dict(found.headers)
    assert len(list(request.headers.get_all())) == len(found.headers)
    assert request.host == found.host
    return True


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda more: PLAIN[:-2] + more + b"\r\n\r\n"))
@examples(500)
def test_whatever_comes_is_read_as_tornado_does_or_left(data):
    check(data)


@given(st.sampled_from(LINES), st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES), st.sampled_from(ENDS)), max_size=5))
@example(LINES[0], [(b"Host", b"x,y", b"\r\n")])
@example(LINES[0], [(b"Host", b"x", b"\r\n"), (b"host", b"y", b"\r\n")])
@examples(500)
def test_odd_heads_are_read_as_tornado_does_or_left(line, fields):
    check(line + b"\r\n" + b"".join(name + b":" + value + end for name, value, end in fields) + b"\r\n")


@given(st.integers(0, len(PLAIN) - 1), st.integers(0, 255))
@examples(500)
def test_one_byte_that_is_another_is_read_as_tornado_does_or_left(at, byte):
    check(PLAIN[:at] + bytes([byte]) + PLAIN[at + 1 :])


def test_a_plain_head_is_understood():
    assert check(PLAIN) and check(PLAIN + b"and what follows")
    found = parse_head(PLAIN, "192.0.2.1")
    assert (found.path, found.query, found.host, found.headers["COOKIE"]) == ("/v1/sse", "sub=chat%3Aa", "x", "a=b; c=d")
    assert "cookie" in found.headers and found.headers.get("none") is None and found.size == len(PLAIN)


@pytest.mark.parametrize(
    "line",
    [
        *(b"Host: y", b"Authorization: Bearer x", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Expect: 100-continue"),
        *(b"Connection: close", b"Connection: keep-alive, TE", b"Cookie: x", b" folded", b"A : b", b"A: caf\xc3\xa9", b"no colon"),
    ],
)
def test_what_is_unusual_is_left(line):
    assert parse_head(PLAIN[:-2] + line + b"\r\n\r\n", "") is None


@pytest.mark.parametrize("host", [b"", b"x,y", b"x y", b"x/y", b"user@x", b"[::1", b"x:port", b"*"])
def test_an_odd_host_is_left(host):
    assert parse_head(PLAIN.replace(b"Host: x", b"Host: " + host), "") is None


@pytest.mark.parametrize("host", [b"x", b"a_b-c.example.org:8000", b"127.0.0.1:80", b"[::1]:8000"])
def test_a_plain_host_is_understood(host):
    assert check(PLAIN.replace(b"Host: x", b"Host: " + host))


@pytest.mark.parametrize("data", [PLAIN.replace(b"\r\n", b"\n"), PLAIN[:-2], PLAIN[:-1], b"GET /v1/sse HTTP/1.1\r\nA: b\r\n\r\n", b""])
def test_what_is_not_whole_is_left(data):
    assert parse_head(data, "") is None


def test_a_head_has_a_limit():
    def padded(size):
        return PLAIN[:-2] + b"X: " + b"x" * (size - len(PLAIN) - 5) + b"\r\n\r\n"

    assert len(padded(MAX_HEAD_BYTES)) == MAX_HEAD_BYTES and check(padded(MAX_HEAD_BYTES))
    assert parse_head(padded(MAX_HEAD_BYTES + 1), "") is None


@pytest.mark.parametrize("data", [b"POST /v1/", b"GET /v2", b"\r\nGET /v1/", b"\x16\x03\x01", b"GET  /v1/", b"get /v1/"])
def test_what_can_not_become_one_is_told_at_once(data):
    assert not may_be_head(data)


def test_an_answer_says_what_it_is():
    status, _, rest = answer(b"text/plain", b"hi\n", b"X: y\r\n").partition(b"\r\n")
    fields, _, body = rest.partition(b"\r\n\r\n")
    assert (status, body) == (b"HTTP/1.1 200 OK", b"hi\n")
    headers = HTTPHeaders.parse(fields.decode())
    assert (headers["Content-Length"], headers["Content-Type"], headers["X"]) == ("3", "text/plain", "y")
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", headers["Date"])
    assert head(b"204 No Content").endswith(b"\r\n\r\n")
