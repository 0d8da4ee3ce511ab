"""What a record is: an object of few, flat, small fields."""

import math
from typing import Any

import msgspec

MAX_FIELDS = 50
MAX_RECORD_BYTES = 16 * 1024
"""As compact JSON, whatever it was read from."""
MAX_TEXT = 64 * 1024
"""Bytes of JSON or characters of CSV that one record may take up in its file: no good one needs as much, however it is written."""
MAX_NAME_CHARS = 128
_INT64 = range(-(2**63), 2**63)
_encode = msgspec.json.Encoder().encode


class RowError(Exception):
    """This row can't be taken; the others can."""

    def __init__(self, code: str, message: str):
        self.code = code
        self.message = message
        super().__init__(message)


def checked(record: Any) -> dict[str, Any]:
    """*record*, if it is one. Raises RowError."""
    if not isinstance(record, dict) or not record:
        raise RowError("bad-record", "A record is an object with at least one field.")
    if len(record) > MAX_FIELDS:
        raise RowError("too-many-fields", f"The record has {len(record)} fields; {MAX_FIELDS} at most.")
    for name, value in record.items():
        _check_field(name, value)
    size = len(_encode(record))
    if size > MAX_RECORD_BYTES:
        raise RowError("too-large", f"The record takes {size} bytes as compact JSON; {MAX_RECORD_BYTES} at most.")
    return record


def _check_field(name: str, value: Any) -> None:
    """Raises RowError."""
    shown = repr(name[:40])
    if not 1 <= len(name.strip()) <= len(name) <= MAX_NAME_CHARS or "\0" in name:
        raise RowError("bad-field", f"A field's name has 1 to {MAX_NAME_CHARS} characters, not only spaces, and no NUL: {shown}.")
    if isinstance(value, list | dict):
        raise RowError("bad-value", f"{shown} holds a list or an object; a field holds text, a number, true, false or null.")
    if isinstance(value, int) and value not in _INT64:
        raise RowError("bad-value", f"{shown} holds an integer of more than 64 bits.")
    if isinstance(value, float) and not math.isfinite(value):
        raise RowError("bad-value", f"{shown} holds a number beyond what a double holds.")
    try:
        f"{name}{value}".encode()
    except UnicodeEncodeError as error:
        raise RowError("bad-value", f"{shown} holds half of a character (a lone surrogate).") from error
