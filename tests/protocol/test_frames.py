"""What clients send: typed, or a ProtocolError that says what is wrong, whatever the bytes."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codes import ProtocolError
from protocol.frames import (
    BatchBody,
    NameBody,
    Ping,
    Publish,
    PublishBody,
    Signal,
    Subscribe,
    Unsubscribe,
    check_message,
    parse_body,
    parse_command,
    ref_of,
)
from tests.protocol.repeatable import examples

FIELDS = st.sampled_from(["type", "ref", "channel", "after", "data", "id", "name", "messages", "signal"]) | st.text(max_size=5)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["publish", "subscribe", "ping", "chat:a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=10,
)


def refusal(parse, *arguments) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse(*arguments)
    return caught.value


def test_commands():
    assert parse_command('{"type":"subscribe","ref":1,"channel":"chat:a","after":"abcd-1"}') == Subscribe("chat:a", "abcd-1", 1)
    assert parse_command('{"type":"subscribe","channel":"chat:a"}') == Subscribe("chat:a", None, None)
    assert parse_command('{"type":"unsubscribe","ref":"x","channel":"chat:a"}') == Unsubscribe("chat:a", "x")
    assert parse_command('{"type":"ping"}') == Ping()
    publish = parse_command('{"type":"publish","ref":3,"channel":"chat:a","id":"i","data": {"a": 1} ,"more":0}')
    assert isinstance(publish, Publish)
    assert (publish.channel, publish.id, publish.ref, json.loads(bytes(publish.data))) == ("chat:a", "i", 3, {"a": 1})
    signal = parse_command('{"data":null,"channel":"chat:a","type":"signal"}')
    assert isinstance(signal, Signal)
    assert bytes(signal.data) == b"null"


@pytest.mark.parametrize("ref", ["0", "-1", "18446744073709551616", '"\\u0000é"', '""', "null"])
def test_a_ref_is_given_back_as_it_came(ref):
    assert parse_command(f'{{"type":"ping","ref":{ref}}}').ref == json.loads(ref)


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("", "bad-json", None),
        ("{", "bad-json", None),
        ("{'type':'ping'}", "bad-json", None),
        ('{"type":"ping"} x', "bad-json", None),
        ('{"type":"ping","ref":"\ud800"}', "bad-json", None),
        (b'{"type":"\xff"}', "bad-json", None),
        ("[" * 20_000, "bad-request", None),
        ('{"type":"ping","x":' + "[" * 20_000, "bad-json", None),
        ("[]", "bad-request", None),
        ("null", "bad-request", None),
        ('"ping"', "bad-request", None),
        ("{}", "bad-request", "type"),
        ('{"type":"nonsense"}', "bad-request", "type"),
        ('{"type":1}', "bad-request", "type"),
        ('{"type":"subscribe"}', "bad-request", "channel"),
        ('{"type":"subscribe","channel":1}', "bad-request", "channel"),
        ('{"type":"subscribe","channel":"chat:a","after":1}', "bad-request", "after"),
        ('{"type":"publish","channel":"chat:a"}', "bad-request", "data"),
        ('{"type":"publish","channel":"chat:a","data":1,"id":1}', "bad-request", "id"),
        ('{"type":"ping","ref":1.5}', "bad-request", "ref"),
        ('{"type":"ping","ref":true}', "bad-request", "ref"),
        ('{"type":"ping","ref":[1]}', "bad-request", "ref"),
    ],
)
def test_what_is_no_command(text, code, field):
    error = refusal(parse_command, text)
    assert (error.code, error.field) == (code, field)


def test_what_is_known_of_a_command_that_is_none():
    assert ref_of('{"type":"nonsense","ref":3,"channel":"chat:a"}') == (3, "chat:a")
    assert ref_of('{"ref":"x","channel":1}') == ("x", None)
    assert ref_of('{"ref":true}') == (None, None)
    assert ref_of('{"ref":[1]}') == (None, None)
    deep = "[" * 20_000 + "]" * 20_000
    for data in (r'"\ud800"', deep, r'"\"ref\":9"', r'{"ref":9,"x":"\udfff"}'):
        assert ref_of('{"type":"publish","ref":3,"channel":"chat:a","data":' + data) == (3, "chat:a")
    assert ref_of(r'{"data":{"ref":9,"a":["\ud800"]},"channel":"chat:a","ref":"x"}') == ("x", "chat:a")
    assert ref_of(r'{"ref":true,"channel":"\ud800"}') == (None, None)
    assert ref_of("[]") == ref_of("{") == ref_of(b"\xff") == ref_of('"\ud800"') == ref_of('{"ref":' + "[" * 20_000) == (None, None)


def test_bodies():
    body = parse_body(b'{"channel":"chat:a","data":[1, 2],"id":"x"}', PublishBody)
    assert (body.channel, bytes(body.data), body.id, body.signal) == ("chat:a", b"[1, 2]", "x", False)
    batch = parse_body(b'{"messages":[{"channel":"chat:a","data":1},{}]}', BatchBody)
    assert parse_body(batch.messages[0], PublishBody).channel == "chat:a"
    assert refusal(parse_body, batch.messages[1], PublishBody).field == "channel"


@pytest.mark.parametrize(
    ("raw", "shape", "code", "field"),
    [
        (b"", NameBody, "bad-json", None),
        (b"\xff", NameBody, "bad-json", None),
        (b'{"name":"\xff"}', NameBody, "bad-json", None),
        (b"[" * 20_000, BatchBody, "bad-request", None),
        (b'{"more":' + b"[" * 20_000, BatchBody, "bad-json", None),
        (b"[]", NameBody, "bad-request", None),
        (b"{}", NameBody, "bad-request", "name"),
        (b'{"name":1}', NameBody, "bad-request", "name"),
        (b'{"messages":{}}', BatchBody, "bad-request", "messages"),
        (b'{"channel":"chat:a","data":1,"signal":1}', PublishBody, "bad-request", "signal"),
    ],
)
def test_what_is_no_body(raw, shape, code, field):
    error = refusal(parse_body, raw, shape)
    assert (error.code, error.field) == (code, field)
    assert error.message


def test_the_field_of_an_item_is_a_path():
    class Rows(msgspec.Struct):
        rows: list[NameBody]

    assert refusal(parse_body, b'{"rows":[{"name":1}]}', Rows).field == "rows[0].name"
    assert refusal(parse_body, b'{"rows":[{}]}', Rows).field == "rows[0].name"


def test_a_message_that_may_be_stored():
    assert check_message("chat:a", None, b" 1 ") == b"1"
    assert check_message("chat:a", "x" * 64, msgspec.Raw(b"[ ]")) == b"[]"
    assert refusal(check_message, "chat", None, b"1").code == "bad-channel"
    for id in ("", "x" * 65):
        error = refusal(check_message, "chat:a", id, b"1")
        assert (error.code, error.field) == ("bad-request", "id")
    assert refusal(check_message, "chat:a", "x", b"{").code == "bad-data"
    assert refusal(check_message, "chat:a", "x", b'"' + b"x" * 65536 + b'"').code == "too-large"


def only_protocol_errors(raw: str | bytes) -> None:
    for parse in (parse_command, lambda raw: parse_body(raw, PublishBody), lambda raw: parse_body(raw, BatchBody)):
        try:
            parse(raw)
        except ProtocolError as error:
            assert error.code in ("bad-json", "bad-request")
            assert error.body()["message"].encode()
    ref_of(raw)


@given(st.binary(max_size=80))
@examples(300)
def test_random_bytes(raw):
    only_protocol_errors(raw)


@given(st.text(max_size=40))
@examples(100)
def test_random_text(text):
    only_protocol_errors(text)


@given(VALUES)
@examples(300)
def test_random_json(value):
    only_protocol_errors(json.dumps(value))
    only_protocol_errors(json.dumps(value, ensure_ascii=False))
