"""Who is it: cookies, names, what is offered and reported (protocol, sections 6 and 7)."""

import secrets
from http.cookies import SimpleCookie

import pytest

from tests.handlers.talking import BACKEND, Link, Visitor, ask, eventually, read_answer, request


def cookie_of(answer):
    (line,) = answer.headers["set-cookie"]
    (morsel,) = SimpleCookie(line).values()
    return morsel


def user_of(server, headers=None):
    return ask(server, "GET", "/v1/negotiate", headers).json["user"]


def test_what_is_offered(server, visitor):
    offer = visitor.ask("GET", "/v1/negotiate").json
    assert offer.pop("time") > 1_700_000_000_000
    assert offer.pop("network").startswith("n_")
    assert offer.pop("user")["id"] == visitor.id
    assert offer == {
        "protocol": 1,
        "transports": [{"name": name, "url": f"v1/{name}"} for name in ("websocket", "sse", "long-poll", "short-poll")],
        "publish": "v1/publish",
        "heartbeat": 1000,
        "hold": 2000,
        "poll": 200,
        "limits": {"message": 65536, "channels": 100},
    }


def test_the_first_answer_makes_a_visitor_and_later_ones_keep_it(server):
    first = ask(server, "GET", "/v1/negotiate")
    morsel = cookie_of(first)
    assert morsel["httponly"] and morsel["samesite"] == "Lax" and not morsel["secure"] and morsel["path"] == "/"
    assert int(morsel["max-age"]) >= 86_400
    again = ask(server, "GET", "/v1/negotiate", {"Cookie": f"a=b; {morsel.key}={morsel.coded_value}; c"})
    assert again.json["user"] == first.json["user"] and "set-cookie" not in again.headers


def test_a_cookie_that_is_not_ours_makes_a_new_visitor(server, visitor):
    cookie = visitor.headers["Cookie"]
    name, _, value = cookie.partition("=")
    for forged in (cookie[:-5] + "00000", f"{name}=", f"{name}=2|1:0|x", f"{name}={value[:20]}", f"{name}=\xff\xfe", f"{name}=u_x"):
        answer = ask(server, "GET", "/v1/negotiate", {"Cookie": forged})
        assert answer.status == 200 and answer.json["user"]["id"] != visitor.id
        assert cookie_of(answer).key == name


def test_requests_side_by_side_with_a_boot_cookie_are_one_visitor(server, channel):
    boot = {"Cookie": f"anywire_boot={secrets.token_urlsafe(16)}"}
    targets = ["/v1/negotiate", f"/v1/short-poll?sub={channel}", f"/v1/long-poll?sub={channel}", f"/v1/sse?sub={channel}", "/chat/x"] * 4
    links = [Link(server.port) for _ in targets]
    for link, target in zip(links, targets, strict=True):
        link.send(request("GET", target, boot))
    names = []
    for link, target in zip(links, targets, strict=True):
        if "sse" in target:
            head = link.until(b"\r\n\r\n").decode()
            names.append(next(line for line in head.split("\r\n") if line.startswith("Set-Cookie"))[12:])
        else:
            names += read_answer(link).headers["set-cookie"]
        link.close()
    identities = {user_of(server, {"Cookie": line.split(";")[0]})["id"] for line in names if line.startswith("anywire_id=")}
    assert len(identities) == 1
    assert user_of(server, boot)["id"] in identities


@pytest.mark.parametrize("boot", ["", "short", "x" * 21, "x" * 129, "é" * 30, "a b" * 20])
def test_a_weak_boot_cookie_makes_nobody(server, boot):
    headers = {"Cookie": f"anywire_boot={boot}"}
    assert user_of(server, headers)["id"] != user_of(server, headers)["id"]


def test_behind_a_trusted_proxy_that_speaks_https_the_cookie_is_secure(server):
    assert cookie_of(ask(server, "GET", "/v1/negotiate", {"X-Forwarded-Proto": "https"}))["secure"]
    assert not cookie_of(ask(server, "GET", "/v1/negotiate", {"X-Forwarded-Proto": "http"}))["secure"]


def test_the_network_is_the_address_that_a_trusted_proxy_names(server):
    def network(forwarded):
        return ask(server, "GET", "/v1/negotiate", {"X-Forwarded-For": forwarded}).json["network"]

    assert network("192.0.2.1") == network("192.0.2.200") != network("192.0.3.1")
    assert network("6.6.6.6, 192.0.2.1") == network("192.0.2.1, 127.0.0.1") == network("192.0.2.1")
    assert network("2001:db8:1::1") == network("2001:db8:1:ffff::2") != network("2001:db8:2::1")
    assert network("nonsense, 192.0.2.1") == network("192.0.2.1")
    for garbage in ("", ",", "x", "1.2.3.4.5", "[::1]:80", "\xff", "9" * 5000):
        assert network(garbage).startswith("n_")


@pytest.mark.parametrize("trusted", ["192.0.2.0/24", "none"])
def test_nobody_else_is_believed(beside, trusted):
    server = beside(trusted_proxies=trusted)
    plain = ask(server, "GET", "/v1/negotiate")
    forwarded = ask(server, "GET", "/v1/negotiate", {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"})
    assert forwarded.json["network"] == plain.json["network"] and not cookie_of(forwarded)["secure"]
    origin = {"Origin": "https://example.org", "X-Forwarded-Host": "example.org"}
    assert ask(server, "GET", "/v1/negotiate", origin).refusal()[:2] == (403, "bad-origin")


def test_a_visitor_may_change_the_name(server):
    visitor = Visitor(server)
    answer = visitor.ask("POST", "/v1/me", data={"name": " 张\u3000伟 "})
    assert answer.json == {"user": {"id": visitor.id, "name": "张 伟"}}
    assert visitor.ask("GET", "/v1/negotiate").json["user"] == answer.json["user"]
    morsel = cookie_of(answer)
    assert morsel["httponly"] and morsel["samesite"] == "Lax"


@pytest.mark.parametrize("name", ["", " ", "x" * 41, 7, None, [], "a\u202eb", "a\u0000b", "a\u0007b", "\ue000"])
def test_a_name_is_one_line_of_text(visitor, name):
    assert visitor.ask("POST", "/v1/me", data={"name": name}).refusal() == (400, "bad-request", "name")


def test_a_backend_has_no_name(server):
    assert ask(server, "POST", "/v1/me", BACKEND, data={"name": "x"}).refusal()[:2] == (403, "forbidden")


def test_a_report_is_counted(server, visitor):
    def count():
        text = ask(server, "GET", "/metrics").body.decode()
        lines = [line for line in text.splitlines() if 'transport="websocket",verdict="swallowed"' in line and "_total" in line]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = count()
    report = {"transport": "sse", "attempts": [{"transport": "websocket", "verdict": "swallowed", "ms": 250}], "more": {"a": 1}}
    answer = visitor.ask("POST", "/v1/report", data=report)
    assert answer.status == 204 and answer.body == b""
    eventually(lambda: count() == before + 1)
    for odd in ({}, {"transport": "x", "attempts": [{"transport": "y", "verdict": "z"}]}, {"attempts": []}):
        assert visitor.ask("POST", "/v1/report", data=odd).status == 204
    for wrong, field in (({"attempts": 1}, "attempts"), ({"transport": []}, "transport"), ({"attempts": [{}]}, "attempts[0].transport")):
        assert visitor.ask("POST", "/v1/report", data=wrong).refusal() == (400, "bad-request", field)
    assert visitor.ask("POST", "/v1/report", data={"x": "y" * 40_000}).refusal()[:2] == (413, "too-large")
