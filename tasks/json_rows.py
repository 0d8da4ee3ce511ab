"""Reads records out of a JSON file (RFC 8259): an array of them, or an object with that array as `records`.

Where each one ends is found by quotes and brackets alone, and then it is parsed by itself: so a record that is no JSON, or of
any size, costs only itself. No step looks at more than a window of the file, since a thread that stays within one call of C
holds up the whole process. All of this blocks: call it in a thread.
"""

import itertools
import json
import mmap
import re
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from tasks.records import MAX_TEXT, RowError, checked
from tasks.registry import TaskError

WINDOW_BYTES = MAX_TEXT
TURNS_A_BREATH = 500
"""As with rows (importing.py): between two moments at which other threads are let in."""
_BOM = b"\xef\xbb\xbf"
_TEXT = rb'(?:(?>[^"\\]++|\\.))*+'
"""The inside of a string. Each choice is atomic: CPython before 3.11.5 forgets to step back from one that fails under *+."""
_FLAT = re.compile(rb'\{(?:(?>[^{}\[\]"]++|"%b"))*+\}' % _TEXT, re.DOTALL)
"""An object without another one or an array in it: what nearly all records are."""
_NESTED = re.compile(rb'(?:(?>[^{}\[\]"]++|"%b"|\{[^{}\[\]"]*+\}|\[[^{}\[\]"]*+\]))*+' % _TEXT, re.DOTALL)
"""What doesn't matter within an object or an array."""
_STRUCTURE = re.compile(rb'["\[\]{},]')
_OPENING = re.compile(rb"[\[{]++")
_CLOSING = re.compile(rb"[\]}]++")
_IN_STRING = re.compile(_TEXT, re.DOTALL)
_NOT_SPACE = re.compile(rb"[^ \t\n\r]")


def json_rows(file: BinaryIO) -> Iterator[dict[str, Any] | RowError]:
    """Each record, or why it is none. Raises TaskError where it can't be told where records are."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start, end in elements(data):
            try:
                yield checked(_value(data[start:end] if end - start <= MAX_TEXT else None))
            except RowError as error:
                yield error


def elements(data: bytes | mmap.mmap) -> Iterator[tuple[int, int]]:
    """Where each element of the array begins and ends. Raises TaskError."""
    scan = _Scan(data, len(_BOM) if data[:3] == _BOM else 0)
    first = scan.peek() if scan.pos < len(data) else b""
    if first == b"[":
        yield from scan.array()
    elif first == b"{":
        yield from scan.object_with("records")
    else:
        raise TaskError("bad-json", 'The file is not JSON: it begins neither with [ nor with {"records": [.')
    scan.end()


class _Scan:
    def __init__(self, data: bytes | mmap.mmap, pos: int):
        self.pos = pos
        self._data = data
        self._count = 0

    def find(self, pattern: "re.Pattern[bytes]") -> bytes:
        """The next byte of *pattern*; goes there."""
        while self.pos < len(self._data):
            found = pattern.search(self._data, self.pos, self.pos + WINDOW_BYTES)
            if found:
                self.pos = found.start()
                return found[0]
            self.pos += WINDOW_BYTES
        raise self._cut()

    def peek(self) -> bytes:
        """What comes next, behind white space."""
        return self.find(_NOT_SPACE)

    def take(self, *wanted: bytes) -> bytes:
        found = self.peek()
        if found not in wanted:
            where = f"{found.decode('latin-1')!r} at byte {self.pos}, in place of {' or '.join(mark.decode() for mark in wanted)}"
            raise TaskError("bad-json", f"The JSON is broken after {self._count} records: {where}.")
        self.pos += 1
        return found

    def end(self) -> None:
        """Raises TaskError where anything is left."""
        while self.pos < len(self._data):
            if found := _NOT_SPACE.search(self._data, self.pos, self.pos + WINDOW_BYTES):
                raise TaskError("bad-json", f"Something follows the end of the JSON, at byte {found.start()}.")
            self.pos += WINDOW_BYTES

    def array(self) -> Iterator[tuple[int, int]]:
        self.take(b"[")
        if self.peek() == b"]":
            self.pos += 1
            return
        mark = b","
        while mark == b",":
            self.peek()
            start = self.pos
            flat = _FLAT.match(self._data, start, start + WINDOW_BYTES)
            if flat:
                self.pos = flat.end()
            if not flat or self.peek() not in b",]":
                self._skip_value()
            self._count += 1
            yield start, self.pos
            mark = self.take(b",", b"]")

    def object_with(self, name: str) -> Iterator[tuple[int, int]]:
        """The elements of the array that is its member *name*."""
        self.take(b"{")
        found = False
        mark = self.take(b"}") if self.peek() == b"}" else b","
        while mark == b",":
            self.peek()
            start = self.pos
            self.take(b'"')
            self._skip_string()
            is_it = self.pos - start <= 6 * len(name) + 2 and _is(self._data[start : self.pos], name)
            self.take(b":")
            if not is_it:
                self._skip_value()
            elif found:
                raise TaskError("bad-json", f'The JSON has two arrays called "{name}".')
            else:
                found = True
                yield from self.array()
            mark = self.take(b",", b"}")
        if not found:
            raise TaskError("bad-json", f'The JSON is an object without an array called "{name}".')

    def _skip_value(self) -> None:
        """To the comma or bracket behind the value that begins here or before."""
        depth = 0
        for turn in itertools.count(1):
            if turn % TURNS_A_BREATH == 0:
                time.sleep(0)
            if depth:
                self._pass(_NESTED)
            found = self.find(_STRUCTURE)
            if depth == 0 and found in b",]}":
                return
            if found in b"[{":
                depth += self._pass(_OPENING)
                continue
            if found in b"]}":
                depth -= self._pass(_CLOSING, depth)
                continue
            self.pos += 1
            if found == b'"':
                self._skip_string()

    def _skip_string(self) -> None:
        """Behind the quote that ends it."""
        while self.pos < len(self._data):
            self._pass(_IN_STRING)
            if self._data[self.pos : self.pos + 1] == b'"':
                self.pos += 1
                return
            if self.pos + 1 == len(self._data):  # half an escape
                break
        raise self._cut()

    def _pass(self, pattern: "re.Pattern[bytes]", most: int = WINDOW_BYTES) -> int:
        """Goes behind what matches of the next *most* bytes, and says how long that is."""
        found = pattern.match(self._data, self.pos, self.pos + min(most, WINDOW_BYTES))
        length = found.end() - self.pos if found else 0
        self.pos += length
        return length

    def _cut(self) -> TaskError:
        return TaskError("bad-json", f"The JSON is cut: it ends in the middle, after {self._count} records.")


def _is(text: bytes, name: str) -> bool:
    try:
        return bool(json.loads(text) == name)
    except ValueError:
        return False


def _value(text: bytes | None) -> Any:
    """Raises RowError."""
    if text is None:
        raise RowError("too-large", f"The record takes more than {MAX_TEXT} bytes as JSON.")
    try:
        return _DECODER.decode(text.decode())
    except UnicodeDecodeError as error:
        raise RowError("bad-encoding", f"The record is not UTF-8, from its byte {error.start + 1} on.") from error
    except json.JSONDecodeError as error:
        raise RowError("bad-json", f"The record is not JSON: {error.msg}, at its character {error.pos + 1}.") from error
    except ValueError as error:
        raise RowError("bad-value", "The record holds a number of too many digits.") from error
    except RecursionError as error:
        raise RowError("bad-value", "The record is nested too deeply; a field holds text, a number, true, false or null.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RowError("bad-field", f"The record has {twice[:40]!r} more than once.")
    return record


def _constant(name: str) -> NoReturn:
    raise RowError("bad-value", f"The record holds {name}, which JSON doesn't have.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)
