"""What may be stored, and as what: any JSON value within the limits, encoded compactly."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codes import ProtocolError
from protocol.values import MAX_DATA_BYTES, MAX_DEPTH, compact
from tests.protocol.repeatable import examples

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)


def refusal(raw: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        compact(raw)
    assert caught.value.field == "data"
    return caught.value.code


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        (b' {\r\n"a" :\n[ 1 ,\t2 ]\n} ', b'{"a":[1,2]}'),
        (b"null", b"null"),
        (b'""', b'""'),
        (b'"\xe2\x80\xa8"', b'"\xe2\x80\xa8"'),
        (b'"\\u2028"', b'"\xe2\x80\xa8"'),
        (b'"\\u0000"', b'"\\u0000"'),
        (b'"\\n\\r"', b'"\\n\\r"'),
        (b'"\\ud83d\\ude00"', b'"\xf0\x9f\x98\x80"'),
        (b'{"$x":1,"a.b":2,"":3,"__proto__":4}', b'{"$x":1,"a.b":2,"":3,"__proto__":4}'),
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b"9007199254740993", b"9007199254740993"),
        (b"18446744073709551616", b"18446744073709551616"),
        (b"-1180591620717411303425", b"-1180591620717411303425"),
        (b"1E5", b"100000.0"),
        (b"1e-400", b"0.0"),
        (b"-0.0", b"-0.0"),
        (b"9" * 308, b"9" * 308),
        (b"1" + b"0" * 308, b"1" + b"0" * 308),
        (b'"' + b"9" * 400 + b'"', b'"' + b"9" * 400 + b'"'),
        (b'{"' + b"9" * 400 + b'":[true]}', b'{"' + b"9" * 400 + b'":[true]}'),
    ],
)
def test_what_is_stored(raw, stored):
    assert compact(raw) == stored
    assert b"\n" not in stored


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"nul",
        b"[1,]",
        b"{'a':1}",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"1" + b"0" * 400 + b".0",
        b"9" * 309,
        b"-" + b"9" * 309,
        b'{"a":[{"b":' + b"9" * 309 + b"}]}",
        b"1" * 5000,
        b"1 2",
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\xc0\x80"',
        b'"\n"',
        b'"\x00"',
        b"\x00",
        b"\xef\xbb\xbf1",
        b'{"a":1',
        b"[" * 20_000,
        b"[" * 20_000 + b"]" * 20_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    ],
)
def test_what_is_refused(raw):
    assert refusal(raw) == "bad-data"


@pytest.mark.parametrize(
    ("opening", "inside", "closing"), [(b"[", b"", b"]"), (b"[", b"1", b"]"), (b'{"a":', b"1", b"}"), (b'[{"a":', b"[]", b"}]")]
)
def test_a_hundred_levels_and_no_more(opening, inside, closing):
    levels = opening.count(b"[") + opening.count(b"{")
    most = (MAX_DEPTH - inside.count(b"[")) // levels
    for number, fits in ((most, True), (most + 1, False)):
        raw = opening * number + inside + closing * number
        if fits:
            assert compact(raw) == raw
        else:
            assert refusal(raw) == "bad-data"


def test_many_brackets_side_by_side_are_not_deep():
    raw = b"[" + b",".join([b'[{"a":[]}]'] * 500) + b"]"
    assert compact(raw) == raw


def test_64_kib_as_it_is_stored():
    fits = b'"' + b"x" * (MAX_DATA_BYTES - 2) + b'"'
    assert compact(b" " * 1000 + fits) == fits
    assert refusal(fits[:-1] + b'x"') == "too-large"
    escaped = b'"' + b"\\u0041" * (MAX_DATA_BYTES - 2) + b'"'
    assert len(compact(escaped)) == MAX_DATA_BYTES


@given(JSON, st.sampled_from([None, 1]), st.booleans())
@examples(200)
def test_the_value_stays_the_same_and_a_second_time_changes_nothing(value, indent, is_ascii):
    stored = compact(json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode())
    assert compact(stored) == stored
    assert b"\n" not in stored
    assert json.loads(stored) == value


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789eE+-.\\u truefalsn\n', max_size=40).map(str.encode))
@examples(400)
def test_random_bytes_are_stored_as_what_another_reader_reads_or_refused(raw):
    try:
        stored = compact(raw)
    except ProtocolError as error:
        assert error.code == "bad-data"
    else:
        value = json.loads(raw)
        assert json.loads(stored) == value
        assert not (isinstance(value, float) and math.isinf(value))
