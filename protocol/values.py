"""What a client may store: one JSON value of RFC 8259, parsed and encoded again compactly."""

import re
from typing import Any

import msgspec

from protocol.codes import ProtocolError

MAX_DATA_BYTES = 64 * 1024
MAX_DEPTH = 100
"""Deeper values overflow the stack of some readers."""
MAX_ID_CHARS = 64

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_LONG_INTEGER = re.compile(rb"[0-9]{309}")
"""A double ends at 1.8e308; only an integer of 309 digits or more can be beyond it."""


def compact(raw: bytes) -> bytes:
    """*raw* JSON as compact JSON, at most 64 KiB and 100 levels. Raises ProtocolError bad-data or too-large."""
    try:
        value = _decode(raw)
        data = _encode(value)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ProtocolError("bad-data", f"Not a JSON value: {error}", field="data") from error
    except RecursionError as error:
        raise ProtocolError("bad-data", f"Nested deeper than {MAX_DEPTH} levels.", field="data") from error
    if len(data) > MAX_DATA_BYTES:
        raise ProtocolError("too-large", f"Data takes at most {MAX_DATA_BYTES} bytes.", field="data")
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH or _LONG_INTEGER.search(data):
        _check(value)
    return data


def _check(value: Any) -> None:
    """Depth and range, level by level, so that the depth of the input can't exhaust our own stack."""
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            else:
                _check_number(item)
                continue
            if depth == MAX_DEPTH:
                raise ProtocolError("bad-data", f"Nested deeper than {MAX_DEPTH} levels.", field="data")
        level, depth = below, depth + 1


def _check_number(item: Any) -> None:
    if isinstance(item, int):
        try:
            float(item)
        except OverflowError as error:
            raise ProtocolError("bad-data", "A number overflows a double.", field="data") from error
