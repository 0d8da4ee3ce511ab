"""Both formats: any input is read or refused by name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.importing import READERS
from tasks.records import MAX_NAME_CHARS
from tasks.registry import TaskError
from tests.tasks.reading import read


@pytest.mark.parametrize("name", ["x" * (MAX_NAME_CHARS + 1), "a\0"])
def test_a_name_that_no_field_may_have(name):
    assert read(READERS["csv"], f"{name},b\n1,2\n".encode()) == ["bad-field"]
    assert read(READERS["json"], json.dumps([{name: 1}, {"a": 1}]).encode()) == ["bad-field", {"a": 1}]


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
