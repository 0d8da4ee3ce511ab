"""Whose pages may use this server (protocol, section 6)."""

import pytest

from tests.handlers.four_wires import WIRES, Refused
from tests.handlers.talking import ask

FRIEND = "https://friend.example"
TARGETS = [
    ("GET", "/v1/negotiate"),
    ("GET", "/v1/websocket"),
    ("GET", "/v1/sse?sub=chat:x"),
    ("GET", "/v1/long-poll?sub=chat:x"),
    ("GET", "/v1/short-poll?sub=chat:x"),
    ("POST", "/v1/publish"),
    ("GET", "/v1/history?channel=chat:x"),
    ("POST", "/v1/me"),
    ("POST", "/v1/report"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/"),
    ("GET", "/chat/x"),
    ("GET", "/anywire.js"),
    ("GET", "/nothing"),
    ("OPTIONS", "/v1/publish"),
]
STRANGERS = ["https://evil.example", "http://anywire.test.evil.example", "http://anywire.test:81", "null", "", "x", "http://[", "\xff"]


@pytest.fixture(scope="module")
def friendly(beside):
    """A server that one other origin may use."""
    return beside(origins=f"{FRIEND},null", publish_per_s=1, hold_s=1)


@pytest.mark.parametrize(("method", "target"), [target for target in TARGETS if target[1] not in ("/anywire.js",)])
def test_pages_of_other_origins_are_refused_everywhere(server, method, target):
    for origin in STRANGERS:
        answer = ask(server, method, target, {"Origin": origin, "Sec-Fetch-Site": "cross-site"})
        assert answer.refusal()[:2] == (403, "bad-origin"), origin
        assert "access-control-allow-origin" not in answer.headers


def test_the_handshake_of_a_websocket_too(server, opened, kind):
    with pytest.raises(Refused) as refused:
        opened(kind, server, "chat:x", headers={"Origin": "https://evil.example"})
    assert refused.value.answer.refusal()[:2] == (403, "bad-origin")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://anywire.test"},
        {"Origin": "http://anywire.test", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://ANYWIRE.test"},
        {"Origin": "http://anywire.test", "Host": "anywire.test:80"},
        {"Origin": "https://anywire.test", "Host": "anywire.test:443"},
        {"Origin": "http://anywire.test:8000", "Host": "anywire.test:8000"},
        {"Origin": "https://outside.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://outside.example", "X-Forwarded-Host": "outside.example", "X-Forwarded-Proto": "https"},
        {"Origin": "https://outside.example:8443", "X-Forwarded-Host": "outside.example:8443"},
    ],
)
def test_pages_of_its_own_are_not(server, opened, headers):
    for kind in WIRES:
        assert opened(kind, server, "chat:x", headers=headers).event()["type"] == "hello"
    assert ask(server, "POST", "/v1/publish", headers, data={"channel": "chat:own", "data": 1}).status == 200


@pytest.mark.parametrize("origin", [FRIEND, "null", FRIEND.upper().replace("HTTPS", "https")])
def test_a_listed_origin_gets_cors(friendly, opened, origin):
    for target in ("/v1/negotiate", "/v1/short-poll?sub=chat:x", "/v1/long-poll?sub=chat:x", "/v1/history?channel=chat:x"):
        assert_cors(ask(friendly, "GET", target, {"Origin": origin, "Sec-Fetch-Site": "cross-site"}), origin, 200)
    for kind in WIRES:
        wire = opened(kind, friendly, "chat:x", headers={"Origin": origin})
        assert wire.event()["type"] == "hello"
        if kind.transport == "sse":
            assert_cors(wire.answer, origin, 200)


def assert_cors(answer, origin, status):
    assert answer.status == status, answer.body
    assert answer.header("access-control-allow-origin") == origin
    assert answer.header("access-control-allow-credentials") == "true"
    assert "Origin" in answer.header("vary")
    assert "Retry-After" in answer.header("access-control-expose-headers")


def test_errors_can_be_read_by_a_listed_origin(friendly):
    origin = {"Origin": FRIEND}
    assert_cors(ask(friendly, "GET", "/v1/short-poll", origin), FRIEND, 400)
    assert_cors(ask(friendly, "GET", "/nothing", origin), FRIEND, 404)
    assert_cors(ask(friendly, "DELETE", "/v1/publish", origin), FRIEND, 405)
    assert_cors(ask(friendly, "POST", "/v1/publish", origin, body=b"x"), FRIEND, 415)
    assert_cors(ask(friendly, "POST", "/v1/publish", {**origin, "Authorization": "Bearer x"}, data={}), FRIEND, 401)
    batch = {"messages": [{"channel": "chat:x", "data": 1}] * 20}
    first = ask(friendly, "POST", "/v1/publish", origin, data=batch)
    cookie = {"Cookie": first.header("set-cookie").split(";")[0]}
    limited = ask(friendly, "POST", "/v1/publish", {**origin, **cookie}, data={"channel": "chat:x", "data": 1})
    assert_cors(limited, FRIEND, 429)
    assert limited.header("retry-after") is not None


def test_a_preflight_is_answered(friendly):
    asked = {"Origin": FRIEND, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,authorization"}
    for target in ("/v1/publish", "/v1/sse", "/v1/long-poll", "/v1/short-poll", "/v1/me", "/v1/history", "/v1/report", "/v1/negotiate"):
        answer = ask(friendly, "OPTIONS", target, asked)
        assert_cors(answer, FRIEND, 204)
        assert "POST" in answer.header("access-control-allow-methods")
        allowed = answer.header("access-control-allow-headers").lower()
        assert "content-type" in allowed and "authorization" in allowed and "last-event-id" in allowed
        assert "set-cookie" not in answer.headers


def test_answers_to_different_origins_are_kept_apart(friendly):
    answer = ask(friendly, "GET", "/v1/negotiate")
    assert answer.header("vary") == "Origin" and "access-control-allow-origin" not in answer.headers


def test_an_unlisted_origin_is_refused_there_too(friendly):
    for origin in ("https://friend.example.evil.example", "http://friend.example", "https://friend.example:444"):
        answer = ask(friendly, "GET", "/v1/negotiate", {"Origin": origin})
        assert answer.refusal()[:2] == (403, "bad-origin") and "access-control-allow-origin" not in answer.headers
