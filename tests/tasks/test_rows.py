"""Both formats: any input is read or refused by name."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.importing import READERS
from tasks.records import MAX_NAME_CHARS, MAX_RECORD_BYTES
from tasks.registry import TaskError
from tests.tasks.reading import read


@pytest.mark.parametrize("name", ["x" * (MAX_NAME_CHARS + 1), "a\0"])
def test_a_name_that_no_field_may_have(name):
    assert read(READERS["csv"], f"{name},b\n1,2\n".encode()) == ["bad-field"]
    assert read(READERS["json"], json.dumps([{name: 1}, {"a": 1}]).encode()) == ["bad-field", {"a": 1}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a", "x"),
        ("ü", "ü"),
        ("a b", '"'),
        ("a", "\\"),
        ("a", "\x01"),
        ("a", "\t"),
        ("a", "\U0001f600"),
        ("a", "/"),
        ("a", "\x7f"),
        ("a", "\u2028"),
    ],
)
def test_a_record_takes_what_its_compact_json_takes(name, text):
    def bytes_of(record):
        return len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())

    count = (MAX_RECORD_BYTES - bytes_of({name: "", "n": ""})) // (bytes_of({"": text}) - bytes_of({"": ""}))
    most = {name: text * count, "n": ""}
    most["n"] = "n" * (MAX_RECORD_BYTES - bytes_of(most))
    over = {**most, "n": most["n"] + "n"}
    assert (bytes_of(most), bytes_of(over)) == (MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1)
    assert read(READERS["json"], json.dumps([most, over], ensure_ascii=False).encode()) == [most, "too-large"]
    table = io.StringIO()
    csv.writer(table).writerows([most, most.values(), over.values()])
    assert read(READERS["csv"], table.getvalue().encode()) == [most, "too-large"]


def test_other_values_take_what_they_take_as_json():
    fits = MAX_RECORD_BYTES - len('{"a":"","b":false,"c":-1.5,"d":null}')
    rows = [{"a": "x" * length, "b": False, "c": -1.5, "d": None} for length in (fits, fits + 1)]
    assert read(READERS["json"], json.dumps(rows).encode()) == [rows[0], "too-large"]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='{}[]",:\\ \n1a', max_size=60), st.sampled_from(["", "[", '{"records":[']), st.sampled_from(["csv", "json"]))
def test_any_text_is_read_or_refused(text, start, format):
    content = (start + text).encode() or b" "
    try:
        rows = read(READERS[format], content)
    except TaskError as error:
        assert error.code in ("bad-json", "bad-header", "bad-encoding")
    else:
        assert all(isinstance(row, dict | str) for row in rows)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=80), st.sampled_from([b"", b"a,b\n", b"[", b'[{"a":1},']), st.sampled_from(["csv", "json"]))
def test_any_bytes_are_read_or_refused(content, start, format):
    try:
        read(READERS[format], start + content)
    except TaskError as error:
        assert error.code in ("bad-json", "bad-header", "bad-encoding")
