"""Records out of JSON: what one of them holds, or is, costs only itself; where records can't be told apart nothing is taken."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.json_rows import WINDOW_BYTES, elements, json_rows
from tasks.records import MAX_RECORD_BYTES
from tasks.registry import TaskError
from tests.tasks.reading import BOM, names, read, refusal, texts

SCALARS = {"text": "x", "half": 0.5, "none": None, "yes": True, "big": 2**63 - 1, "small": -(2**63), "quote": '"\\{}[],'}


@pytest.mark.parametrize(
    "form", ["{}", '{{"records":{}}}', '{{"v":{{"records":[1,[2]]}},"records":{},"n":[{{}}]}}', ' \n{{ "\\u0072ecords" : {} }}\t']
)
@pytest.mark.parametrize("indent", [None, 1])
def test_json_of_both_forms(form, indent):
    rows = [SCALARS, {"a": 1}, {"b": "[{"}]
    content = form.format(json.dumps(rows, indent=indent)).encode()
    assert read(json_rows, content) == rows
    assert read(json_rows, BOM + content) == rows
    assert read(json_rows, form.format("[]").encode()) == []


BAD_VALUES = [
    ('{"a":[]}', "bad-value"),
    ('{"a":{"b":1}}', "bad-value"),
    ('{"a":{"b":1,"b":2}}', "bad-field"),
    ('{"a":1,"b":2,"a":3}', "bad-field"),
    ('{"a":9223372036854775808}', "bad-value"),
    ('{"a":-9223372036854775809}', "bad-value"),
    ('{"a":' + "9" * 5000 + "}", "bad-value"),
    ('{"a":1e999}', "bad-value"),
    ('{"a":NaN}', "bad-value"),
    ('{"a":-Infinity}', "bad-value"),
    (r'{"a":"\ud800"}', "bad-value"),
    (r'{"\udfff":1}', "bad-value"),
    ('{"":1}', "bad-field"),
    ('{" ":1}', "bad-field"),
    ("{}", "bad-record"),
    ("[]", "bad-record"),
    ('[{"a":1}]', "bad-record"),
    ("1", "bad-record"),
    ('"text"', "bad-record"),
    ("null", "bad-record"),
    ('{"a":}', "bad-json"),
    ('{"a" 1}', "bad-json"),
    ('{"a":1,}', "bad-json"),
    ("{'a':1}", "bad-json"),
    ('{"a":1} {"b":2}', "bad-json"),
    ('{"a":1}""', "bad-json"),
    ("", "bad-json"),
    ("nul", "bad-json"),
    ('{"a":"\t"}', "bad-json"),
    (r'{"a":"\x"}', "bad-json"),
    ('{"a":01}', "bad-json"),
    ('{"a":"' + "x" * MAX_RECORD_BYTES + '"}', "too-large"),
    ('{"a":"' + "x" * (2 * WINDOW_BYTES) + '"}', "too-large"),
    ('{"a":[' + "1," * WINDOW_BYTES + '"]}{"]}', "too-large"),
    ('{"a":"' + "\\\\" * WINDOW_BYTES + '"}', "too-large"),
    ('{"a":' + " " * WINDOW_BYTES + "1}", "too-large"),
    ('{"a":' + "[" * 30_000 + "]" * 30_000 + "}", "bad-value"),
]


@pytest.mark.parametrize(("text", "code"), BAD_VALUES, ids=[f"{text[:24]}-{code}" for text, code in BAD_VALUES])
def test_a_bad_record_of_json_costs_only_itself(text, code):
    assert read(json_rows, f'[{{"a":1}},{text},{{"b":2}}]'.encode()) == [{"a": 1}, code, {"b": 2}]
    assert read(json_rows, f'{{"records":[{{"a":1}}, {text} , {{"b":2}} ],"x":1}}'.encode()) == [{"a": 1}, code, {"b": 2}]


def test_bytes_that_are_no_text_cost_only_their_record():
    assert read(json_rows, b'[{"a":"\xff"},{"a":"\xc3\xa4"}]') == ["bad-encoding", {"a": "ä"}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1",
        '"x"',
        "null",
        "a,b\n1,2",
        "[",
        "[{",
        '[{"a":1}',
        '[{"a":1},',
        '[{"a":1},{"a":"',
        '[{"a":1},{"a":"\\',
        '[{"a":1}}',
        '[{"a":1}]]',
        '[{"a":1}] x',
        "{}",
        '{"record":[]}',
        '{"records":{}}',
        '{"records":"[]"}',
        '{"records":null}',
        '{"a":{"records":[]}}',
        '{"records":[],"records":[]}',
        '{"records":[]',
        '{"records" []}',
        '{"records":[]}]',
        "{records:[]}",
        '{"records":[],}',
        '{"records":[{"a":1}]{"b":2}',
    ],
)
def test_json_without_a_list_of_records(text):
    """Nothing of a file that is cut, or where records can't be told from what is between them, is taken."""
    if text == "":
        with pytest.raises(TaskError):
            list(elements(b""))
    else:
        assert refusal(json_rows, text.encode()) == "bad-json"
    assert refusal(json_rows, ("[" + '{"a":1},' * 20_000).encode()) == "bad-json"


values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(names, values, min_size=1, max_size=6), max_size=8), st.booleans(), st.sampled_from([None, 0, 3]))
def test_json_round_trip(rows, is_ascii, indent):
    text = json.dumps(rows, ensure_ascii=is_ascii, indent=indent)
    assert read(json_rows, text.encode()) == rows
    assert read(json_rows, f'{{"x":{text},"records":{text}}}'.encode()) == rows


anything = st.recursive(values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20)


@settings(max_examples=300, deadline=None)
@given(st.lists(anything, max_size=6), st.sampled_from([None, 2]))
def test_elements_are_where_a_parser_finds_them(values, indent):
    text = json.dumps(values, indent=indent, ensure_ascii=False).encode()
    assert [json.loads(text[start:end]) for start, end in elements(text)] == values
