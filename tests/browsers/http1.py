"""HTTP/1.1 as far as a box on the way needs it: heads, and where an answer ends (RFC 9112 section 6)."""

import asyncio
import math
import re

_CHUNK = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")


class Head:
    """The start line and the header fields of a request or an answer."""

    def __init__(self, raw: bytes):
        self.raw = raw
        line, *fields = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.words = line.split(" ", 2)
        self.fields = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}

    @property
    def target(self) -> str:
        """Of a request."""
        return self.words[1]

    @property
    def is_upgrade(self) -> bool:
        return self.fields.get("upgrade", "").lower() == "websocket"

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.words[1])

    @property
    def is_event_stream(self) -> bool:
        return self.fields.get("content-type", "").startswith("text/event-stream")

    @property
    def length(self) -> int:
        return int(self.fields.get("content-length", "0"))

    def without(self, pattern: str) -> "Head":
        """Without the fields whose name matches."""
        line, *fields = self.raw.split(b"\r\n")
        return Head(b"\r\n".join([line, *(field for field in fields if not re.match(pattern.encode(), field, re.IGNORECASE))]))


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """None where the connection ends instead."""
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError:
        return None


class Body:
    """Reads the body of the answer to *method* in the pieces in which it was sent: whole chunks where it is chunked."""

    def __init__(self, head: Head, method: str):
        self._is_chunked = "chunked" in head.fields.get("transfer-encoding", "")
        self._left: float = 0
        if method == "HEAD" or head.status in (204, 304) or self._is_chunked:
            self._left = 0
        elif "content-length" in head.fields:
            self._left = head.length
        else:
            self._left = math.inf  # it ends with its connection

    async def piece(self, reader: asyncio.StreamReader) -> bytes:
        """The next one; empty at the end."""
        if self._is_chunked:
            line = await reader.readuntil(b"\r\n")
            size = int(_CHUNK.fullmatch(line)[1], 16)
            self._is_chunked = size > 0
            return line + await reader.readexactly(size + 2)
        data = await reader.read(int(min(self._left, 65536)))
        self._left -= len(data)
        return data
