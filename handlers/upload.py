"""A file on its way in: it goes to the store as it arrives, and never lies whole in memory."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from pymongo.errors import PyMongoError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from protocol.codes import ProtocolError, Refusal, Unavailable
from store.uploads import Upload, Uploads
from tasks.json_rows import elements
from tasks.registry import TaskError

MAX_FILE_BYTES = 50 * 1024 * 1024
FIELD = "file"
FORMATS = {b"text/csv": "csv", b"application/json": "json"}
UTF8 = (b"utf-8", b"utf8", b"us-ascii")
MAX_FIELD_BYTES = 4096
"""Of all fields of a form beside the file together: what comes beyond it is dropped."""
LOOKED_AT_BYTES = 1024 * 1024
"""JSON that is no longer is looked at before it becomes a job."""


class Receiver:
    """The body of one request: a file as it is, or the field `file` of a form (RFC 7578)."""

    def __init__(self, uploads: Uploads, content_type: str, refusing: Callable[[], str | None]):
        """*refusing* says why nothing can be stored now. Raises ProtocolError bad-media-type, bad-request."""
        kind, options = parse_options_header(content_type)
        self.format = FORMATS.get(kind, "")
        self.name = ""
        self._refusing = refusing
        self._begun = b""
        self._file = uploads.open()
        self._form: Form | None = None
        self._refusal: Refusal | None = None
        self._is_over = False
        if kind == b"multipart/form-data":
            self._form = Form(options.get(b"boundary", b""))
        elif not self.format or options.get(b"charset", UTF8[0]).lower() not in UTF8:
            raise ProtocolError("bad-media-type", "Send text/csv or application/json, in UTF-8, or a form with the field file.")

    @property
    def fields(self) -> dict[str, str]:
        """Those of a form that came beside the file."""
        return {} if self._form is None else {name: text.decode("utf-8", "replace") for name, text in self._form.fields.items()}

    async def take(self, data: bytes) -> None:
        """Errors are kept for `close`, since the sender gets no answer before it has sent everything."""
        if self._refusal is not None:
            return
        try:
            if self._form is not None:
                data = self._form.feed(data)
            if self._file.size + len(data) > MAX_FILE_BYTES:
                raise ProtocolError("too-large", f"A file takes at most {MAX_FILE_BYTES} bytes.")
            if (full := self._refusing()) is not None:
                raise Unavailable(full, retry_after_s=5)
            if data:
                await self._file.write(data)
            if self._file.size <= LOOKED_AT_BYTES:
                self._begun += data
        except PyMongoError:
            self._refusal = Unavailable()
        except Refusal as error:
            self._refusal = error

    async def close(self) -> Upload:
        """What came. Raises ProtocolError, Unavailable; then nothing is kept."""
        try:
            if self._form is not None and self._refusal is None:
                self.name, self.format = self._form.name, self._form.format
                self._form.check()
            await self._check()
            self._is_over = True
            return await self._file.close()
        except PyMongoError as error:
            raise Unavailable() from error
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Keeps nothing, unless it was closed well."""
        if not self._is_over:
            self._is_over = True
            with contextlib.suppress(PyMongoError):  # it is swept out later
                await self._file.abort()

    async def _check(self) -> None:
        if self._refusal is not None:
            raise self._refusal
        if self._file.size == 0:
            raise ProtocolError("bad-request", "The file is empty.", field=FIELD)
        if self.format == "json" and len(self._begun) == self._file.size:
            try:
                await asyncio.to_thread(_look_at, self._begun)
            except TaskError as error:
                raise ProtocolError("bad-json", error.message) from error


def _look_at(text: bytes) -> None:
    """Raises TaskError where there is no list of records, or no end to it."""
    for _ in elements(text):
        pass


class Form:
    """Picks the content of one field out of a form; of the others it keeps a little."""

    def __init__(self, boundary: bytes):
        """Raises ProtocolError."""
        self.name = ""
        self.format = "csv"
        self.fields: dict[str, bytes] = {}
        self._other = ""
        self._has_file = self._is_file = self._is_whole = False
        self._headers: dict[str, bytes] = {}
        self._field = self._value = b""
        self._data: list[bytes] = []
        callbacks: Any = {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_end": self._on_end,
        }
        if not boundary:
            raise ProtocolError("bad-request", "The Content-Type of a form names its boundary.")
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise ProtocolError("bad-request", f"The form can't be read: {error}") from error

    def feed(self, data: bytes) -> bytes:
        """What of *data* is the file's. Raises ProtocolError."""
        self._data.clear()
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise ProtocolError("bad-request", f"The form can't be read: {error}") from error
        return b"".join(self._data)

    def check(self) -> None:
        """Raises ProtocolError unless it was there, whole."""
        if not self._is_whole:
            raise ProtocolError("bad-request", "The form is cut: its last boundary is missing.")
        if not self._has_file:
            raise ProtocolError("bad-request", f"The form has no field {FIELD}.", field=FIELD)

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        self._is_file = options.get(b"name") == FIELD.encode()
        self._other = options.get(b"name", b"").decode("utf-8", "replace")
        if not self._is_file:
            return
        if self._has_file:
            raise ProtocolError("bad-request", f"The form has {FIELD} more than once: send one file at a time.", field=FIELD)
        self._has_file = True
        path = options.get(b"filename", b"").decode("utf-8", "replace")
        self.name = path.replace("\\", "/").rpartition("/")[2]  # some browsers send all of it
        kind, _ = parse_options_header(self._headers.get("content-type", b""))
        self.format = "json" if kind == b"application/json" or self.name.lower().endswith(".json") else "csv"

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._data.append(data[start:end])
        elif sum(map(len, self.fields.values())) + end - start <= MAX_FIELD_BYTES:
            self.fields[self._other] = self.fields.get(self._other, b"") + data[start:end]

    def _on_end(self) -> None:
        self._is_whole = True
