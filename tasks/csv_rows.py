"""Reads records out of a CSV file (RFC 4180) with a header row. All of this blocks: call it in a thread."""

import codecs
import contextlib
import csv
import io
import re
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO

from tasks.records import MAX_TEXT, RowError, checked
from tasks.registry import TaskError

_SEPARATORS = ",;\t|"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _TooLong(Exception):
    """A line that takes more than a record may."""


class _Open(Exception):
    """A quote that isn't closed within what a record may take, or before the file ends."""


def csv_rows(file: BinaryIO) -> Iterator[dict[str, Any] | RowError]:
    """Each record, or why it is none. Raises TaskError where the file has no usable header."""
    file.seek(0)
    if file.read(2) in _UTF16:
        raise TaskError("bad-encoding", "The file is UTF-16: save it as UTF-8.")
    file.seek(0)
    # what isn't UTF-8 comes out as lone surrogates, so that a row that holds some costs only itself
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _records(_Lines(text))
    finally:
        with contextlib.suppress(ValueError):  # who read it has closed the file
            text.detach()


class _Lines:
    """A file's lines, none of them whole if it is too long, for a csv.reader, which asks for more while a quote is open."""

    def __init__(self, text: io.TextIOWrapper):
        self._text = text
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._chars = 0
        self._last = 0
        self.number = 0
        """Of the line that the record began with, counted from 1."""

    def first(self) -> str:
        """The first line that isn't empty, or ""; it is still to come."""
        while (line := next(self, "")) and not line.strip():
            self.begin()
        self.begin()
        if line:
            self._again.appendleft(line)
            self._last -= 1
        return line

    def begin(self) -> None:
        """What comes next is another record."""
        self._record.clear()
        self._chars = 0

    def give_back(self) -> None:
        """The record's lines come again, but for its first."""
        self._again.extendleft(reversed(self._record[1:]))
        self._last = self.number
        self.begin()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(MAX_TEXT + 1)
        if not line and not self._record:
            raise StopIteration
        self._chars += len(line)
        if self._record and (not line or self._chars > MAX_TEXT):
            if line:
                self._again.appendleft(line)
            raise _Open()
        self._last += 1
        if not self._record:
            self.number = self._last
        if len(line) > MAX_TEXT:
            while len(line) > MAX_TEXT and line[-1] not in "\r\n":
                line = self._text.readline(MAX_TEXT + 1)
                time.sleep(0)  # other threads are let in
            raise _TooLong()
        self._record.append(line)
        return line


def _records(lines: _Lines) -> Iterator[dict[str, Any] | RowError]:
    try:
        head = re.sub(r'"[^"]*"', "", lines.first())
        reader = csv.reader(lines, delimiter=max(_SEPARATORS, key=head.count))
        names = [name.strip() for name in next(reader, [])]
    except (_TooLong, _Open) as error:
        raise TaskError("bad-header", "The first line can't be read: it names the fields.") from error
    _check_header(names)
    while True:
        lines.begin()
        try:
            values = next(reader)
        except StopIteration:
            return
        except (_TooLong, _Open, csv.Error) as error:
            yield _refused(error, lines)
            continue
        if not values:
            continue  # an empty line
        try:
            if len(values) != len(names):
                raise RowError("bad-record", f"the header has {len(names)} fields, this record {len(values)}.")
            _check_encoding(values)
            yield checked(dict(zip(names, values, strict=True)))
        except RowError as error:
            yield RowError(error.code, f"Line {lines.number}: {error.message}")


def _refused(error: Exception, lines: _Lines) -> RowError:
    where = f"Line {lines.number}: "
    if isinstance(error, _TooLong):
        return RowError("too-large", f"{where}it takes more than {MAX_TEXT} characters.")
    lines.give_back()
    if isinstance(error, _Open):
        return RowError("bad-csv", f"{where}a quote is opened and not closed within {MAX_TEXT} characters.")
    return RowError("bad-csv", f"{where}{error}.")


def _check_encoding(values: list[str]) -> None:
    try:
        "".join(values).encode()
    except UnicodeEncodeError as error:
        raise RowError("bad-encoding", "it is not UTF-8. Save the file as UTF-8.") from error


def _check_header(names: list[str]) -> None:
    if not names:
        raise TaskError("bad-header", "The file is empty: a CSV file begins with a line of names.")
    shown = ", ".join(names).encode(errors="replace").decode()[:200]
    try:
        _check_encoding(names)
    except RowError as error:
        raise TaskError("bad-encoding", f"The first line is not UTF-8: save the file as UTF-8. It reads {shown}") from error
    if "" in names or len(set(names)) < len(names):
        raise TaskError("bad-header", f"The first line names the fields, each differently: {shown}")
