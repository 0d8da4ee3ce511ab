"""Whatever comes in: the error of section 8 or what was asked for, never a 500, and nothing acknowledged is lost."""

import json
import math
import secrets
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.handlers.four_wires import CLOSE, WebSocketWire, frame
from tests.handlers.talking import Link, Visitor, ask, read_answer, read_head, request

EXAMPLES = settings(
    max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = {"Content-Type": "application/json"}

# what is sent: half of it nearly right, since nonsense alone never gets past the first check

texts = st.text(max_size=20) | st.sampled_from(
    ["", "0", "-1", "chat:x", "chat:x@0", "abcd-1", "é", "\x00", "\u2028", "\U0001f600", "%", "&="]
)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | st.sampled_from(["$x", "a.b"]), inner, max_size=4),
    max_leaves=12,
)
channels = st.sampled_from(["chat:any", "news:x", "room:x", "job:x", "user:x", "chat:"]) | texts
fields = {
    "channel": channels | values,
    "data": values,
    "id": texts | values,
    "signal": values,
    "ref": values,
    "after": texts | values,
    "name": values,
}
objects = st.fixed_dictionaries(
    {}, optional={**fields, "messages": st.lists(values, max_size=3) | values, "attempts": values, "transport": values}
)
commands = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "publish", "signal", "ping"]) | values},
    optional=fields,
)
bodies = st.binary(max_size=60) | (objects | values).map(lambda value: json.dumps(value).encode())
methods = st.sampled_from(["GET", "POST", "GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
paths = st.sampled_from(
    [
        *("/v1/negotiate", "/v1/websocket", "/v1/sse", "/v1/long-poll", "/v1/short-poll", "/v1/publish", "/v1/history", "/v1/me"),
        *("/v1/report", "/healthz", "/readyz", "/metrics", "/stats", "/", "/chat/x", "/v1/x", "/anywire.js"),
    ]
)
names = st.sampled_from(["sub", "sub", "lastEventId", "heartbeat", "hello", "ids", "wait", "channel", "before", "limit", "token", "_", ""])
queries = st.lists(
    st.tuples(names, texts | channels | numbers.map(str)).map(lambda pair: f"{pair[0]}={quote(pair[1].encode('utf-8', 'surrogatepass'))}"),
    max_size=5,
).map("&".join) | st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="#"), max_size=40)
header_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f\x85\xa0"), max_size=40).map(
    str.strip
)
header_names = st.sampled_from(
    [
        *("Cookie", "Authorization", "Last-Event-ID", "Content-Type", "Accept", "Accept-Language", "User-Agent", "Referer"),
        *("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Sec-Fetch-Site", "Upgrade", "Sec-WebSocket-Key", "If-None-Match"),
    ]
)
headers = st.dictionaries(header_names, header_values, max_size=3)


def answer_of(server, data, method):
    """The answer, however long: a stream's is its head."""
    link = Link(server.port)
    try:
        link.send(data)
        if method == "HEAD":
            return read_answer(link, head_only=True)
        buffered = link.until(b"\r\n\r\n")
        link.buffer = buffered + b"\r\n\r\n" + link.buffer
        if b"text/event-stream" in buffered or buffered.startswith(b"HTTP/1.1 101"):
            return read_head(link)[0]
        return read_answer(link)
    finally:
        link.close()


@EXAMPLES
@given(method=methods, path=paths, query=queries, headers=headers, body=bodies, is_json=st.booleans())
def test_every_endpoint_answers_every_request(server, method, path, query, headers, body, is_json):
    if is_json:
        headers = {**headers, **JSON}
    answer = answer_of(server, request(method, f"{path}?{query}&wait=0", headers, body=body if method != "GET" else None), method)
    if isinstance(answer, int):
        assert answer in (101, 200)
        return
    assert answer.status < 500
    is_page = path in ("/", "/chat/x", "/stats", "/anywire.js") or "text/html" in headers.get("Accept", "")
    if answer.status >= 400 and method != "HEAD" and not is_page:
        assert answer.error


@EXAMPLES
@given(path=st.sampled_from(["/v1/publish", "/v1/me", "/v1/report"]), body=bodies)
def test_every_body_is_answered(server, path, body):
    answer = ask(server, "POST", path, JSON, body=body)
    assert answer.status in (200, 202, 204, 400, 403, 404, 409, 413)
    if answer.status >= 400:
        assert answer.error


@EXAMPLES
@given(
    path=st.sampled_from(["/v1/sse", "/v1/long-poll", "/v1/short-poll"]),
    form=queries | st.binary(max_size=40).map(lambda b: b.decode("latin1")),
)
def test_every_form_is_answered(server, path, form):
    body = f"{form}&wait=0".encode("latin1", "replace")
    data = request("POST", path, {"Content-Type": "application/x-www-form-urlencoded"}, body=body)
    answer = answer_of(server, data, "POST")
    assert answer == 200 or answer.status == 200 or answer.status == 400 and answer.error


@EXAMPLES
@given(sent=st.lists(commands | values, min_size=1, max_size=8))
def test_every_command_is_answered(server, sent):
    wire = WebSocketWire(server)
    for number, command in enumerate(sent):
        if isinstance(command, dict):
            command = {**command, "ref": number}
        wire.send_frame(json.dumps(command).encode())
        if isinstance(command, dict):
            event = wire.until(lambda event, number=number: event.get("ref") == number)
            assert event["type"] in ("ack", "error")
        else:
            wire.kind("error")
    wire.close()


@EXAMPLES
@given(
    frames=st.lists(
        st.builds(
            frame,
            st.binary(max_size=130),
            st.integers(0, 15),
            fin=st.booleans(),
            reserved=st.sampled_from([0, 0, 0, 1, 2, 4]),
            masked=st.sampled_from([True, True, True, False]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_every_frame_is_answered_or_ends_the_connection_with_a_reason(server, frames):
    wire = WebSocketWire(server)
    wire.link.send(b"".join(frames) + frame(b"", CLOSE))
    assert wire.close_code() in (1000, 1002, 1003, 1005, 1007, 1009) or 1000 <= wire.closed_with < 5000
    wire.close()


@EXAMPLES
@given(noise=st.binary(min_size=1, max_size=200))
def test_noise_harms_nobody(server, noise):
    wire = WebSocketWire(server)
    wire.link.send(noise)
    wire.link.reset()
    link = Link(server.port)
    link.send(noise)
    link.reset()
    assert ask(server, "GET", "/healthz").status == 200


def same(a, b):
    """Equal as JSON values: numbers as doubles, since that is what most readers make of them."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, bool) or not isinstance(a, int | float):
        return a is b or a == b and type(a) is type(b)
    return not isinstance(b, bool) and isinstance(b, int | float) and math.isclose(a, b, rel_tol=0)


@settings(EXAMPLES, max_examples=20)
@given(data=st.lists(values, min_size=1, max_size=20))
def test_what_is_acknowledged_comes_back_as_it_was(server, data):
    visitor = Visitor(server)
    channel = f"chat:{secrets.token_hex(6)}"
    receipts = visitor.publish_all(channel, data)
    assert [receipt["offset"] for receipt in receipts] == list(range(1, len(data) + 1))
    stored = visitor.history(channel)["messages"]
    assert len(stored) == len(data) and all(same(message["data"], value) for message, value in zip(stored, data, strict=True))
    events = visitor.ask("GET", f"/v1/short-poll?sub={channel}@0").json["events"][2:]
    assert events == stored


ACCEPTED = [
    (b'"\\u2028\\u2029\\u0000"', "\u2028\u2029\x00"),
    ('"\u2028"'.encode(), "\u2028"),
    (b'"\\ud83d\\ude00"', "\U0001f600"),
    (b"[1,\n\t2 ,\r\n 3\n]", [1, 2, 3]),
    (b'{"$x":1,"a.b":{"$where":"1"},"":0,"__proto__":1,"\\u0000":2}', {"$x": 1, "a.b": {"$where": "1"}, "": 0, "__proto__": 1, "\x00": 2}),
    (b"18446744073709551616", 2**64),
    (b"-9223372036854775809", -(2**63) - 1),
    (b"9007199254740993", 2**53 + 1),
    (b"1e308", 1e308),
    (b"-1.5E+3", -1500.0),
    (b"1e-400", 0.0),
    (b"null", None),
    (b"false", False),
    (b'""', ""),
    (b"[" * 100 + b"]" * 100, None),
    (b'{"a":1,"a":2}', {"a": 2}),
    (b'"</script><img src=x onerror=alert(1)>"', "</script><img src=x onerror=alert(1)>"),
    (b'"\\n\\r\\n\\ndata: x\\n\\n"', "\n\r\n\ndata: x\n\n"),
]
REFUSED = [
    *(b"1e400", b"-1e400", b"1" * 400, b"-" + b"9" * 5000, b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b".5", b"1.", b"0x1", b"1_0"),
    *(
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\xc0\x80"',
        b'"\n"',
        b'"\x00"',
        b'"\\x"',
        b'"\\u12"',
        b'"',
        b"'a'",
    ),
    *(b"[1,]", b"{,}", b'{"a":1,}', b"{a:1}", b"[", b"]", b"", b"tru", b"undefined", b"1 2", b"//x\n1", b"\xef\xbb\xbf1"),
    *(b"[" * 101 + b"]" * 101, b"[" * 20_000 + b"]" * 20_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000, b"[" * 20_000),
    *(b"[1e400]", b'{"a":[{"b":1e999}]}', b'"\\ud83dx"', b'{"\\ud800":1}'),
]


@pytest.mark.parametrize(("raw", "value"), ACCEPTED, ids=[str(number) for number in range(len(ACCEPTED))])
def test_json_by_name(server, visitor, channel, opened, kind, raw, value):
    wire = opened(kind, server, channel)
    wire.subscribed()
    answer = visitor.ask("POST", "/v1/publish", JSON, body=b'{"channel":"%s","data":%s}' % (channel.encode(), raw))
    assert answer.status == 200, answer.body
    delivered = wire.kind("message")["data"]
    if raw.startswith(b"[["):
        delivered, depth = json.dumps(delivered), 100
        assert delivered == "[" * depth + "]" * depth
        return
    assert delivered == value and visitor.history(channel)["messages"][0]["data"] == value


def test_no_json_by_name(server, visitor, channel, opened):
    wire = opened(WebSocketWire, server, headers=dict(visitor.headers))
    wire.kind("hello")
    for raw in REFUSED:
        body = b'{"channel":"%s","data":%s}' % (channel.encode(), raw)
        answer = visitor.ask("POST", "/v1/publish", JSON, body=body)
        assert answer.status == 400 and answer.error["code"] in ("bad-json", "bad-data", "bad-request"), raw[:40]
        command = body[:-1] + b',"type":"publish","ref":1}'
        try:
            command.decode()
        except UnicodeDecodeError:
            continue  # ends a WebSocket with 1007, which another test sends
        wire.send_frame(command)
        told = wire.kind("error", "ack")
        assert told["type"] == "error", raw[:40]
        wire.send_frame(b'{"type":"publish","ref":1,' + body[1:])
        told = wire.kind("error", "ack")
        assert (told["type"], told.get("ref")) == ("error", 1), raw[:40]
    assert visitor.history(channel)["messages"] == []
    assert visitor.publish(channel, "still here")["offset"] == 1


@pytest.mark.parametrize("where", ["channel", "id", "name"])
@pytest.mark.parametrize("raw", [b'"\\ud800"', b'"\xff"', b"1e400", b"[" * 20_000 + b"]" * 20_000, b"\x00"])
def test_other_fields_by_name(server, visitor, where, raw):
    target = "/v1/me" if where == "name" else "/v1/publish"
    body = {"channel": b'"chat:x"', "data": b"1", where: raw}
    text = b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in body.items()) + b"}"
    answer = visitor.ask("POST", target, JSON, body=text)
    assert answer.status == 400 and answer.error["code"] in ("bad-json", "bad-request", "bad-channel")


def test_a_server_that_was_sent_all_this_still_works(server, visitor, channel, opened, kind):
    wire = opened(kind, server, channel)
    wire.subscribed()
    visitor.publish(channel, "well")
    assert wire.kind("message")["data"] == "well"
