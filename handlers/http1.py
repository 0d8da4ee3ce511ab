"""HTTP/1.1 (RFC 9112) without Tornado's machinery: the plain requests that open a wire, and their answers.

What is in any way unusual isn't understood here, and is left to Tornado, which knows the whole of it.
"""

import functools
import re
import time
from email.utils import formatdate
from typing import NamedTuple

SERVER = "anywire/1"
MAX_HEAD_BYTES = 32 * 1024
"""A query of 8 KB, cookies and a Last-Event-ID."""

_BEGIN = b"GET /v1/"
_HEAD = re.compile(
    rb"GET (/v1/(?:websocket|sse|long-poll|short-poll))(?:\?([!-~]*+))? HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~]*+\r\n)++)\r\n"
)
"""All of it possessive: whatever comes, each byte is looked at once."""
_HOST = re.compile(r"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A name or an address, and a port (RFC 9110 section 7.2): what else may be there, Tornado judges."""
_UNUSUAL = frozenset({"authorization", "content-length", "expect", "transfer-encoding", "te", "trailer"})
"""A body, or somebody who isn't a visitor."""


class Headers(dict[str, str]):
    """Fields, each there once, by their names in lower case; asked for in any case."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return dict.get(self, name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, str(name).lower())

    def __getitem__(self, name: str) -> str:
        return dict.__getitem__(self, name.lower())


class Head(NamedTuple):
    """The head of a request, with what its handling asks for under the names that Tornado's has."""

    path: str
    query: str
    fields: bytes
    headers: Headers
    remote_ip: str
    size: int
    """Bytes, after which something may follow."""

    protocol = "http"
    method = "GET"
    version = "HTTP/1.1"

    @property
    def host(self) -> str:
        return self.headers["host"]


def may_be_head(data: bytes) -> bool:
    """False where *data* begins with something that `parse_head` would not understand, whatever follows."""
    return data.startswith(_BEGIN) or _BEGIN.startswith(data)


def parse_head(data: bytes, remote_ip: str) -> Head | None:
    """The plain request that *data* begins with; None where it is none."""
    found = _HEAD.match(data)
    if found is None or found.end() > MAX_HEAD_BYTES:
        return None
    headers = Headers()
    lines = found[3].decode("ascii").split("\r\n")
    lines.pop()
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    if len(headers) != len(lines) or not _HOST.fullmatch(dict.get(headers, "host", "")) or not _UNUSUAL.isdisjoint(headers):
        return None
    if dict.get(headers, "connection", "keep-alive").lower() != "keep-alive" and found[1] != b"/v1/websocket":
        return None
    return Head(found[1].decode("ascii"), (found[2] or b"").decode("ascii"), found[3], headers, remote_ip, found.end())


def head(status: bytes, headers: bytes = b"") -> bytes:
    """A status line and its fields, with those that every answer has; *headers* are whole lines."""
    return b"HTTP/1.1 %s\r\nServer: %s\r\nDate: %s\r\n%s\r\n" % (status, SERVER.encode(), _date(int(time.time())), headers)


def answer(media_type: bytes, body: bytes, headers: bytes = b"") -> bytes:
    """200, and a body of known length that isn't kept by anybody."""
    about = b"Content-Type: %s\r\nContent-Length: %d\r\nCache-Control: no-store\r\n" % (media_type, len(body))
    return head(b"200 OK", about + b"X-Content-Type-Options: nosniff\r\n" + headers) + body


@functools.lru_cache(1)
def _date(now_s: int) -> bytes:
    """RFC 9110 section 6.6.1."""
    return formatdate(now_s, usegmt=True).encode()
