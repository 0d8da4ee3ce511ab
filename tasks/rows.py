"""Reads records out of an uploaded file, one after the other: CSV (RFC 4180) with a header row, or JSON.

All of this blocks: call it in a thread.
"""

import contextlib
import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson

from tasks.registry import TaskError

MAX_FIELDS = 50
MAX_RECORD_BYTES = 16 * 1024
MAX_NAME_CHARS = 128
_SEPARATORS = ",;\t|"
_INT64 = range(-(2**63), 2**63)


class RowError(Exception):
    """This row can't be taken; the others can."""

    def __init__(self, code: str, message: str):
        self.code = code
        self.message = message
        super().__init__(message)


def rows(file: BinaryIO, format: str) -> Iterator[dict[str, Any] | RowError]:
    """Each record, or why it is none. Raises TaskError where the rest of the file can't be read."""
    file.seek(0)
    for row in _csv(file) if format == "csv" else _json(file):
        try:
            yield row if isinstance(row, RowError) else checked(row)
        except RowError as error:
            yield error


def checked(record: Any) -> dict[str, Any]:
    """*record*, if it is one. Raises RowError."""
    if not isinstance(record, dict) or not record:
        raise RowError("bad-record", "A record is an object with at least one field.")
    if len(record) > MAX_FIELDS:
        raise RowError("too-many-fields", f"The record has {len(record)} fields; {MAX_FIELDS} at most.")
    size = 0
    for name, value in record.items():
        _check_field(name, value)
        size += len(name.encode()) + (len(value.encode()) if isinstance(value, str) else 8)
    if size > MAX_RECORD_BYTES:
        raise RowError("too-large", f"The record takes {size} bytes; {MAX_RECORD_BYTES} at most.")
    return record


def _check_field(name: str, value: Any) -> None:
    shown = name[:40]
    if not 1 <= len(name.strip()) <= len(name) <= MAX_NAME_CHARS or "\0" in name:
        raise RowError("bad-field", f"A field's name has 1 to {MAX_NAME_CHARS} characters: {shown!r}.")
    if not (value is None or isinstance(value, str | int | float)):
        raise RowError("bad-value", f"{shown!r} holds a list or an object; a field holds text, a number, true, false or null.")
    if isinstance(value, int) and value not in _INT64:
        raise RowError("bad-value", f"{shown!r} holds an integer of more than 64 bits.")
    try:
        (name + value if isinstance(value, str) else name).encode()
    except UnicodeEncodeError as error:
        raise RowError("bad-value", f"{shown!r} holds half of a character.") from error


def _json(file: BinaryIO) -> Iterator[Any]:
    """An array of records, or an object with that array as `records`."""
    first = _first_byte(file)
    if first not in (b"[", b"{"):
        raise TaskError("bad-json", 'The file is not JSON: it begins neither with [ nor with {"records": [.')
    try:
        if first == b"{" and ("records", "start_array") not in (event[:2] for event in ijson.parse(file)):
            raise TaskError("bad-json", 'The JSON is an object without an array called "records".')
        _to_the_start(file)
        yield from ijson.items(file, "item" if first == b"[" else "records.item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise TaskError("bad-json", f"The JSON is broken: {str(error).strip().splitlines()[0]}") from error


def _first_byte(file: BinaryIO) -> bytes:
    _to_the_start(file)
    first = file.read(1024).lstrip()[:1]
    _to_the_start(file)
    return first


def _to_the_start(file: BinaryIO) -> None:
    """Behind a byte order mark, which JSON parsers refuse."""
    file.seek(0)
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)


def _csv(file: BinaryIO) -> Iterator[dict[str, Any] | RowError]:
    csv.field_size_limit(50 * 1024 * 1024)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield from _lines(text)
    except UnicodeDecodeError as error:
        raise TaskError("bad-encoding", f"The file is not UTF-8, from byte {error.start} of a part on: save it as UTF-8.") from error
    except csv.Error as error:
        raise TaskError("bad-csv", f"The CSV can't be read: {error}.") from error
    finally:
        with contextlib.suppress(ValueError):  # who read it has closed the file
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[dict[str, Any] | RowError]:
    head = text.readline()
    text.seek(0)
    reader = csv.reader(text, delimiter=max(_SEPARATORS, key=head.count))
    names = [name.strip() for name in next(reader, [])]
    _check_header(names)
    for values in reader:
        if not values:
            continue  # an empty line
        if len(values) != len(names):
            yield RowError("bad-record", f"Line {reader.line_num} has {len(values)} fields, the header {len(names)}.")
        else:
            yield dict(zip(names, values, strict=True))


def _check_header(names: list[str]) -> None:
    if not names:
        raise TaskError("bad-header", "The file is empty: a CSV file begins with a line of names.")
    if "" in names or len(set(names)) < len(names):
        raise TaskError("bad-header", f"The first line names the fields, each differently: {', '.join(names)[:200]}")
