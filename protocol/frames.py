"""What clients send, typed: the commands of a WebSocket and the bodies of requests."""

import contextlib
import re
from typing import Any, TypeVar

import msgspec

from protocol.codes import ProtocolError
from protocol.positions import parse_channel
from protocol.values import MAX_ID_CHARS, compact

Ref = int | str | None
"""What an answer is matched by; given back as it came."""


class Subscribe(msgspec.Struct, tag="subscribe", tag_field="type"):
    channel: str
    after: str | None = None
    ref: Ref = None


class Unsubscribe(msgspec.Struct, tag="unsubscribe", tag_field="type"):
    channel: str
    ref: Ref = None


class Publish(msgspec.Struct, tag="publish", tag_field="type"):
    channel: str
    data: msgspec.Raw
    id: str | None = None
    ref: Ref = None


class Signal(msgspec.Struct, tag="signal", tag_field="type"):
    channel: str
    data: msgspec.Raw
    ref: Ref = None


class Ping(msgspec.Struct, tag="ping", tag_field="type"):
    ref: Ref = None


Command = Subscribe | Unsubscribe | Publish | Signal | Ping


class PublishBody(msgspec.Struct):
    """One message of `POST /v1/publish`."""

    channel: str
    data: msgspec.Raw
    id: str | None = None
    signal: bool = False
    state: bool = False


class BatchBody(msgspec.Struct):
    messages: list[msgspec.Raw]


class NameBody(msgspec.Struct):
    name: str


class _Shape(msgspec.Struct):
    """Just enough of a command to answer it: its ref, and its type and channel where they are strings."""

    type: Any = None
    ref: Any = None
    channel: Any = None


T = TypeVar("T")
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_shapes = msgspec.json.Decoder(_Shape)
_MISSING = re.compile(r"missing required field `(.+)`")
_JSON_ERRORS = (msgspec.DecodeError, ValueError, RecursionError)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
SCANNED_CHARS = 8192
"""Of a command that is no JSON for the parser: what is looked through for its ref, at a cost that can't hurt."""


def parse_command(text: str | bytes) -> Command:
    """One text frame. Raises ProtocolError bad-json or bad-request."""
    try:
        return _commands.decode(text)
    except msgspec.ValidationError as error:
        raise _misshapen(error) from error
    except _JSON_ERRORS as error:
        raise ProtocolError("bad-json", _reason(error)) from error


def ref_of(text: str | bytes) -> tuple[Ref, str | None]:
    """The ref and channel of a command that couldn't be parsed, as far as they are there, so that its sender learns which it was."""
    try:
        shape = _shapes.decode(text)
    except _JSON_ERRORS:
        shape = _scanned(text if isinstance(text, str) else text.decode("utf-8", "replace"))
    ref = shape.ref if isinstance(shape.ref, int | str) and not isinstance(shape.ref, bool) else None
    return ref, shape.channel if isinstance(shape.channel, str) else None


def _scanned(text: str) -> _Shape:
    """The fields of a command that doesn't parse, such as one with a lone surrogate in its data, or with too many levels."""
    found: dict[str, Any] = {}
    depth, tokens = 0, _TOKEN.findall(text[:SCANNED_CHARS])
    for name, colon, value in zip(tokens, tokens[1:], tokens[2:], strict=False):
        depth += (name in "{[") - (name in "}]")
        if depth == 1 and colon == ":" and name in ('"ref"', '"channel"'):
            with contextlib.suppress(*_JSON_ERRORS):
                found.setdefault(name.strip('"'), msgspec.json.decode(value, type=int | str))
    return _Shape(**found)


def parse_body(body: bytes | msgspec.Raw, shape: type[T]) -> T:
    """A request's JSON body. Raises ProtocolError bad-json or bad-request, with the field that is wrong."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise _misshapen(error) from error
    except _JSON_ERRORS as error:
        raise ProtocolError("bad-json", _reason(error)) from error


def check_message(channel: str, id: str | None, data: bytes | msgspec.Raw) -> bytes:
    """*data* as compact JSON, if all three may be stored. Raises ProtocolError."""
    parse_channel(channel)
    check_id(id)
    return compact(bytes(data))


def check_id(id: str | None) -> None:
    """An id that a client made, if it did. Raises ProtocolError."""
    if id is not None and not 1 <= len(id) <= MAX_ID_CHARS:
        raise ProtocolError("bad-request", f"An id has 1 to {MAX_ID_CHARS} characters.", field="id")


def _misshapen(error: msgspec.ValidationError) -> ProtocolError:
    """Names the field: msgspec says "… - at `$.path`", and of one that isn't there "… missing required field `name`"."""
    text, _, path = str(error).partition(" - at `$")
    missing = _MISSING.search(text)
    field = ".".join(part for part in (path.strip("`."), missing[1] if missing else "") if part)
    return ProtocolError("bad-request", text, field=field or None)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "The JSON is nested too deeply."
    if isinstance(error, UnicodeDecodeError):
        return "The JSON is not UTF-8."
    return str(error)
