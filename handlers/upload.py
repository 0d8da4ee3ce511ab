"""A file on its way in: it goes to the store as it arrives, and never lies whole in memory."""

from typing import Any

import msgspec
from pymongo.errors import PyMongoError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from protocol.codes import ProtocolError, Refusal, Unavailable
from protocol.frames import parse_body
from store.uploads import Upload, Uploads

MAX_FILE_BYTES = 50 * 1024 * 1024
FIELD = "file"
FORMATS = {"text/csv": "csv", "application/json": "json"}


LOOKED_AT_BYTES = 1024 * 1024


class _Records(msgspec.Struct):
    records: list[msgspec.Raw]


class Receiver:
    """The body of one request: a file as it is, or the field `file` of a form (RFC 7578)."""

    def __init__(self, uploads: Uploads, content_type: str):
        """Raises ProtocolError bad-media-type."""
        kind, options = parse_options_header(content_type)
        self.format = FORMATS.get(kind.decode("latin-1").lower(), "")
        self.name = ""
        self._begun = b""
        """A JSON body that is small enough to be looked at before it becomes a job."""
        self._file = uploads.open()
        self._form: _Form | None = None
        self._refusal: Refusal | None = None
        if kind.lower() == b"multipart/form-data" and options.get(b"boundary"):
            self._form = _Form(options[b"boundary"])
        elif not self.format:
            raise ProtocolError("bad-media-type", "Send text/csv, application/json, or a form with the field file.")

    async def take(self, data: bytes) -> None:
        """Errors are kept for `close`, since the sender gets no answer before it has sent everything."""
        if self._refusal is not None:
            return
        try:
            if self._form is not None:
                data = self._form.feed(data)
            if self._file.size + len(data) > MAX_FILE_BYTES:
                raise ProtocolError("too-large", f"A file takes at most {MAX_FILE_BYTES} bytes.")
            if data:
                await self._file.write(data)
            if self._form is None and self._file.size <= LOOKED_AT_BYTES:
                self._begun += data
        except FormParserError as error:
            self._refusal = ProtocolError("bad-request", f"The form can't be read: {error}")
        except PyMongoError:
            self._refusal = Unavailable()
        except Refusal as error:
            self._refusal = error

    async def close(self) -> Upload:
        """Raises ProtocolError, Unavailable; then nothing is kept."""
        if self._form is not None and self._refusal is None:
            self.name, self.format = self._form.name, self._form.format
            if not self._form.is_whole:
                self._refusal = ProtocolError("bad-request", f"The form has no field {FIELD} with a file, or was cut.", field=FIELD)
        if self._refusal is None and self._file.size == 0:
            self._refusal = ProtocolError("bad-request", "The file is empty.", field=FIELD)
        if self._refusal is None and self._form is None and self.format == "json" and len(self._begun) == self._file.size:
            try:
                parse_body(self._begun, _Records)
            except ProtocolError as error:
                self._refusal = error
        try:
            if self._refusal is not None:
                await self._file.abort()
                raise self._refusal
            return await self._file.close()
        except PyMongoError as error:
            raise Unavailable() from error


class _Form:
    """Picks the content of one field out of a form."""

    def __init__(self, boundary: bytes):
        self.name = ""
        self.format = "csv"
        self.is_whole = False
        self._is_file = False
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
            "on_part_end": self._on_part_end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, data: bytes) -> bytes:
        """What of *data* is the file's. Raises FormParserError."""
        self._data.clear()
        self._parser.write(data)
        return b"".join(self._data)

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value
        self._field = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        self._is_file = options.get(b"name") == FIELD.encode() and not self.is_whole
        if self._is_file:
            self.name = options.get(b"filename", b"").decode("utf-8", "replace")
            kind = self._headers.get("content-type", b"").partition(b";")[0].strip().lower()
            self.format = "json" if kind == b"application/json" or self.name.lower().endswith(".json") else "csv"

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._data.append(data[start:end])

    def _on_part_end(self) -> None:
        self.is_whole = self.is_whole or self._is_file
        self._is_file = False
