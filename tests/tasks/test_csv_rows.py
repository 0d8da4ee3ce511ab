"""Records out of CSV: whatever is in one row, the others are read."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.csv_rows import csv_rows
from tasks.records import MAX_FIELDS, MAX_RECORD_BYTES, MAX_TEXT
from tests.tasks.reading import BOM, messages, names, read, refusal, texts


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("a,b\r\n1,2\r\n3,4", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("a,b\r1,2\r", [{"a": "1", "b": "2"}]),
        ('a,b\n"x\ny","z ""q"""\n', [{"a": "x\ny", "b": 'z "q"'}]),
        ('a,b\n"x\r\n\r\ny",2\n3,4\n', [{"a": "x\r\n\r\ny", "b": "2"}, {"a": "3", "b": "4"}]),
        ("a;b\n1,5;2\n", [{"a": "1,5", "b": "2"}]),
        ("a\tb\n1\t2\n", [{"a": "1", "b": "2"}]),
        ("a|b\n1|2\n", [{"a": "1", "b": "2"}]),
        ('"a,x,y";b\n1;2\n', [{"a,x,y": "1", "b": "2"}]),
        ("a\n1\n\n2\n\n\n", [{"a": "1"}, {"a": "2"}]),
        ("\n\n a , b \n1,2\n", [{"a": "1", "b": "2"}]),
        ("a,b\n,\n", [{"a": "", "b": ""}]),
        ("a,b\nnull,NaN\n", [{"a": "null", "b": "NaN"}]),
        ("naïve,日本\nÿ,😀\n", [{"naïve": "ÿ", "日本": "😀"}]),
        ("a,b\nx\0y,2\n", [{"a": "x\0y", "b": "2"}]),
        ("$where,a.b\n1,2\n", [{"$where": "1", "a.b": "2"}]),
        ("a,b\n", []),
        ("a,b", []),
    ],
)
def test_csv(text, rows):
    assert read(csv_rows, text.encode()) == rows
    assert read(csv_rows, BOM + text.encode()) == rows


def test_a_bad_row_of_csv_costs_only_itself():
    content = b'a,b\n1,2\n3\n4,5,6\n7,\xff\n8,"x"y\n9,0\n'
    assert read(csv_rows, content) == [
        {"a": "1", "b": "2"},
        "bad-record",
        "bad-record",
        "bad-encoding",
        {"a": "8", "b": "xy"},
        {"a": "9", "b": "0"},
    ]
    assert [text.partition(":")[0] for text in messages(csv_rows, content)] == ["Line 3", "Line 4", "Line 5"]


def test_a_quote_that_is_never_closed_costs_only_its_line():
    rows = "".join(f"{number},x\n" for number in range(30_000)).encode()
    good = [{"a": str(number), "b": "x"} for number in range(30_000)]
    assert read(csv_rows, b'a,b\n"1,2\n' + rows) == ["bad-csv", *good]
    assert read(csv_rows, b'a,b\n"1,2\n3,4\n') == ["bad-csv", {"a": "3", "b": "4"}]
    assert [text.partition(":")[0] for text in messages(csv_rows, b'a,b\n\n"1,2\n3,4\n5\n')] == ["Line 3", "Line 5"]


@pytest.mark.parametrize("length", [MAX_TEXT - 3, MAX_TEXT - 2, MAX_TEXT - 1, MAX_TEXT, MAX_TEXT + 1, 2 * MAX_TEXT, 5 * MAX_TEXT + 7])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b""])
def test_a_line_of_any_length_costs_only_itself(length, end):
    good = [{"a": "3", "b": "4"}] if end else []
    after = b"3,4" + end if end else b""
    for line in (b"x" * length, b'1,"' + b"x" * length + b'"', b"," * length, b'"' * length):
        rows = read(csv_rows, b"a,b\n1,2\n" + line + end + after)
        assert rows[0] == {"a": "1", "b": "2"} and rows[1] in ("too-large", "bad-record", "bad-csv") and rows[2:] == good


def test_a_record_of_csv_may_take_just_so_much():
    fits = "x" * (MAX_RECORD_BYTES - len('{"a":"","b":""}'))
    assert read(csv_rows, f"a,b\n{fits},\n{fits}y,\n1,2\n".encode()) == [{"a": fits, "b": ""}, "too-large", {"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "bad-header"),
        (b"\n\n \n", "bad-header"),
        (b"a,,b\n1,2,3\n", "bad-header"),
        (b"a,b,a\n1,2,3\n", "bad-header"),
        (b"a, a\n1,2\n", "bad-header"),
        (b'"a,b\n1,2\n', "bad-header"),
        (b"x" * (MAX_TEXT + 2) + b"\n1\n", "bad-header"),
        (b"n\xe4me,b\n1,2\n", "bad-encoding"),
        ("a,b\n1,2\n".encode("utf-16"), "bad-encoding"),
        ("a,b\n1,2\n".encode("utf-16-be"), "bad-field"),
    ],
)
def test_a_header_that_names_no_fields(content, code):
    if code == "bad-field":  # nothing says that it is UTF-16, but no name holds a NUL
        assert set(read(csv_rows, content)) <= {"bad-field", "bad-record"}
    else:
        assert refusal(csv_rows, content) == code


def test_more_fields_than_a_record_may_have():
    for count, rows in ((MAX_FIELDS, [{f"f{i}": "1" for i in range(MAX_FIELDS)}]), (MAX_FIELDS + 1, ["too-many-fields"])):
        assert read(csv_rows, f"{','.join(f'f{i}' for i in range(count))}\n{','.join('1' * count)}\n".encode()) == rows


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(names, min_size=2, max_size=5, unique=True))
def test_csv_round_trip(data, fields):
    rows = data.draw(st.lists(st.lists(texts, min_size=len(fields), max_size=len(fields)), max_size=6))
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=data.draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerows([fields, *rows])
    assert read(csv_rows, out.getvalue().encode()) == [dict(zip(fields, row, strict=True)) for row in rows]
