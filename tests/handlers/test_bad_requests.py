"""Requests that nobody should send: each gets a reason, in the form of section 8, and the server is none the worse."""

import pytest

from tests.handlers.talking import BACKEND, Closed, Link, ask, read_answer, request

MIB = 1024 * 1024
LIMIT = 8 * MIB
"""Of a publish, which may be a batch."""


def chunked(body: bytes, size: int = 65536) -> bytes:
    parts = [body[begin : begin + size] for begin in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def send_all_then_read(server, data: bytes):
    """As simple clients do: the answer has to be there still once everything was written."""
    link = Link(server.port)
    link.send(data)
    answer = read_answer(link)
    link.close()
    return answer


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("/v1/publish", {"Authorization": "Bearer wrong"}, (401, "unauthorized")),
        ("/v1/publish", {"Origin": "https://evil.example"}, (403, "bad-origin")),
        ("/v1/publish", {"Content-Type": "text/plain"}, (415, "bad-media-type")),
        ("/v1/nothing", {}, (404, "not-found")),
        ("/v1/negotiate", {}, (405, "method-not-allowed")),
        ("/v1/me", {}, (413, "too-large")),
        ("/v1/report", {}, (413, "too-large")),
        ("/v1/long-poll", {}, (413, "too-large")),
        ("/v1/sse", {}, (413, "too-large")),
        ("/v1/websocket", {}, (405, "method-not-allowed")),
        ("/healthz", {}, (405, "method-not-allowed")),
    ],
)
def test_a_refusal_reaches_who_still_sends(server, target, headers, expected):
    body = b"x" * (4 * MIB)
    assert send_all_then_read(server, request("POST", target, {**JSON, **headers}, body=body)).refusal()[:2] == expected
    parts = request("POST", target, {**JSON, **headers, "Transfer-Encoding": "chunked"}, body=chunked(body))
    assert send_all_then_read(server, parts).refusal()[:2] == expected


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/static/%00", (404, "not-found")),
        ("GET", "/static/nothing.js", (404, "not-found")),
        ("GET", "/static/" + "a" * 5000, (404, "not-found")),
        ("GET", "/static/../server.py", (403, "forbidden")),
        ("GET", "/static/js", (403, "forbidden")),
        ("POST", "/static/js/client.js", (405, "method-not-allowed")),
        ("POST", "/anywire.js", (405, "method-not-allowed")),
    ],
)
def test_files_refuse_as_everything_else_does(server, method, target, expected):
    assert ask(server, method, target).refusal()[:2] == expected


def test_a_body_is_read_up_to_its_limit(server, channel):
    message = b'{"channel":"%s","data":1}' % channel.encode()
    for framed in (lambda body: ({}, body), lambda body: ({"Transfer-Encoding": "chunked"}, chunked(body))):
        for size, status in ((LIMIT, 200), (LIMIT + 1, 413), (2 * LIMIT, 413)):
            headers, body = framed(message + b" " * (size - len(message)))
            assert send_all_then_read(server, request("POST", "/v1/publish", {**JSON, **headers}, body=body)).status == status


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(server):
    for size in (65 * MIB, 10**12, 2**63):
        link = Link(server.port)
        link.send(request("POST", "/v1/publish", {**JSON, "Content-Length": str(size)}))
        assert read_answer(link).refusal()[:2] == (413, "too-large")
        with pytest.raises(Closed):
            link.fill()
        link.close()


def test_who_waits_to_be_asked_for_a_body_is_asked(server, channel):
    link = Link(server.port)
    body = b'{"channel":"%s","data":1}' % channel.encode()
    link.send(request("POST", "/v1/publish", {**JSON, "Expect": "100-continue", "Content-Length": str(len(body))}))
    assert link.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
    link.send(body)
    assert read_answer(link).status == 200
    link.close()


MALFORMED = [
    b"\r\n\r\n\r\n",
    b"nonsense\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n : y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA\x00B: y\r\n\r\n",
    b"G\xffT / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


@pytest.mark.parametrize("data", MALFORMED, ids=[str(number) for number in range(len(MALFORMED))])
def test_what_is_not_http_is_answered_400_or_closed_in_order(server, data):
    link = Link(server.port)
    link.send(data)
    try:
        answer = link.until(b"\r\n")
    except TimeoutError:
        pytest.fail("neither answered nor closed")
    assert answer.split(b" ")[1] in (b"400", b"404", b"405"), answer
    link.close()
    assert ask(server, "GET", "/healthz").status == 200


TAKE_POST = ("/v1/sse", "/v1/long-poll", "/v1/publish")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "CONNECT", "get", "X" * 1000])
@pytest.mark.parametrize("target", ["/v1/negotiate", "/v1/sse", "/v1/long-poll", "/v1/websocket", "/v1/publish", "/v1/history", "/metrics"])
def test_other_methods_are_refused(server, method, target):
    answer = ask(server, method, target)
    assert answer.refusal()[:2] == (405, "method-not-allowed")
    allowed = answer.header("allow").split(", ")
    assert "OPTIONS" in allowed and method not in allowed and ("POST" in allowed) == (target in TAKE_POST)


@pytest.mark.parametrize(
    "target",
    ["/v1", "/v1/", "/v2/negotiate", "//v1/negotiate", "/v1/negotiate/", "/V1/negotiate", "/v1/%00", "/\xff", "/v1/jobs/x/../x", "*"],
)
def test_nothing_is_at_other_addresses(server, target):
    assert ask(server, "GET", target).refusal()[:2] == (404, "not-found")


def test_a_query_of_many_kilobytes_is_read(server, visitor, channel):
    subs = "&".join(f"sub={channel}-{number}-{'x' * 100}%400000zzzz-0" for number in range(80))
    assert len(subs) > 10_000
    answer = visitor.ask("GET", f"/v1/short-poll?{subs}")
    assert answer.status == 200 and len(answer.json["events"]) == 81


@pytest.mark.parametrize("query", ["sub=%FF", "sub=chat:%C3%28", "sub=%ED%A0%80", "%FF=x", "sub=\xff"])
def test_a_query_is_utf_8_and_bounded(server, query):
    for wire in ("short-poll", "long-poll", "sse", "websocket"):
        assert ask(server, "GET", f"/v1/{wire}?{query}").refusal()[:2] in ((400, "bad-request"), (400, "bad-channel"))
    assert (
        ask(
            server, "POST", "/v1/short-poll", body=query.encode("latin1"), headers={"Content-Type": "application/x-www-form-urlencoded"}
        ).status
        == 400
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "\xff=\xfe; ;;=; anywire_id"},
        {"Cookie": "anywire_id=" + "x" * 7000},
        {"Cookie": "; ".join(f"c{number}=1" for number in range(500))},
        {"Authorization": "\xff"},
        {"Host": "[::1"},
        {"Host": "x" * 2000},
        {"Content-Type": "\xff/;;=\xff"},
        {"Accept-Language": "\xff;q=x,,;q=,*;q=9"},
        {"Accept": "text/html;\xff"},
        {"Sec-Fetch-Site": "\xff"},
        {"X-Forwarded-For": "\xff", "X-Forwarded-Proto": "\xff", "X-Forwarded-Host": "\xff:\xff"},
        {"If-None-Match": "\xff"},
        {"Range": "bytes=9-1,\xff"},
        {"Last-Event-ID": ""},
    ],
)
def test_odd_headers_are_survived(server, channel, headers):
    for target in ("/v1/negotiate", f"/v1/short-poll?sub={channel}", "/", "/chat/x", "/anywire.js", "/healthz"):
        assert ask(server, "GET", target, headers).status in (200, 206, 400, 401, 416)


def test_a_form_has_at_most_a_thousand_fields(server):
    form = "&".join(["sub=chat:x"] * 1001)
    assert ask(server, "POST", "/v1/short-poll", form=form).refusal()[:2] == (400, "bad-request")


def test_one_connection_serves_after_each_error(server, channel):
    link = Link(server.port)
    for odd in (b"x", b"{", b"[]", b'{"channel":1}', b'{"channel":"chat:x"}', b'{"channel":"x","data":1}'):
        link.send(request("POST", "/v1/publish", {**JSON, **BACKEND}, body=odd))
        assert read_answer(link).error["code"] in ("bad-json", "bad-request", "bad-channel")
    link.send(request("POST", "/v1/publish", {**JSON, **BACKEND}, data={"channel": channel, "data": 1}))
    assert read_answer(link).status == 200
    link.close()


def test_a_client_that_leaves_in_the_middle_is_no_trouble(server, channel):
    whole = request("POST", "/v1/publish", {**JSON}, body=b'{"channel":"%s","data":1}' % channel.encode())
    for end in (1, 20, len(whole) - 5, len(whole)):
        for leave in (Link.close, Link.reset):
            link = Link(server.port)
            link.send(whole[:end])
            leave(link)
    assert ask(server, "GET", "/healthz").status == 200


def test_headers_are_read_up_to_their_limit(server):
    link = Link(server.port)
    link.send(request("GET", "/v1/negotiate?" + "x" * 15_000, {"Cookie": "c=" + "x" * 15_000}))
    assert read_answer(link).status == 200
    link.close()
