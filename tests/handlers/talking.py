"""HTTP/1.1 over a bare socket, so that a test sees each byte, and may send what no client library would.

Every wait has a deadline in one unit, PATIENCE_S: slow machines raise ANYWIRE_TEST_PATIENCE_S.
"""

import json
import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.running import API_KEY, Server

ANY_TYPE = [None, "", "application/json", "application/x-www-form-urlencoded", "application/octet-stream", "text/csv", "?;=/"]
"""What an empty body may be called: `curl -X POST -d ''` says that it is a form, `--data-binary @empty` of other tools anything."""
PATIENCE_S = float(os.environ.get("ANYWIRE_TEST_PATIENCE_S", "10"))
BACKEND = {"Authorization": f"Bearer {API_KEY}"}


class Closed(Exception):
    """The server closed the connection; *reset* where it did so by RST."""

    def __init__(self, reset: bool = False):
        super().__init__("reset" if reset else "closed")
        self.reset = reset


class Link:
    """A connection to the server with a buffer of what has arrived."""

    def __init__(self, port: int, receive_bytes: int = 0):
        """*receive_bytes* makes the kernel's buffer as small as that, so that a reader that stops is soon felt."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def fill(self, within_s: float = PATIENCE_S) -> None:
        """Waits for more. Raises TimeoutError, Closed."""
        if not select.select([self.socket], [], [], max(0.0, within_s))[0]:
            raise TimeoutError(f"nothing came within {within_s} s, after {self.buffer[-200:]!r}")
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError as error:
            raise Closed(reset=True) from error
        if not data:
            raise Closed()
        self.buffer += data

    def exactly(self, size: int) -> bytes:
        parts = [self.buffer[:size]]
        missing = size - len(parts[0])
        self.buffer = self.buffer[size:]
        while missing:
            self.fill()
            parts.append(self.buffer[:missing])
            self.buffer = self.buffer[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            self.fill()
        found, _, self.buffer = self.buffer.partition(end)
        return found

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while True:
            try:
                self.fill()
            except Closed:
                found, self.buffer = self.buffer, b""
                return found

    def silent(self, for_s: float) -> bool:
        """True where nothing comes in that time."""
        if not self.buffer:
            try:
                self.fill(for_s)
            except TimeoutError:
                return True
        return False

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Ends it by RST, as a killed machine's network does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class SecureLink(Link):
    """The same by TLS, to a server that shows *certificate*."""

    def __init__(self, port: int, receive_bytes: int, certificate: Path):
        super().__init__(port, receive_bytes)
        context = ssl.create_default_context(cafile=certificate)
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def fill(self, within_s: float = PATIENCE_S) -> None:
        """Waits for data: a socket that is ready may bring a part of a record, or what is TLS's own."""
        self.socket.settimeout(max(within_s, 0.001))
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError as error:
            raise Closed(reset=True) from error
        except TimeoutError:
            raise TimeoutError(f"nothing came within {within_s} s, after {self.buffer[-200:]!r}") from None
        finally:
            self.socket.settimeout(PATIENCE_S)
        if not data:
            raise Closed()
        self.buffer += data


def connect(server: Server, receive_bytes: int = 0) -> Link:
    """A new connection, as that server speaks."""
    certificate = getattr(server, "certificate", None)  # one in the process of the tests has none
    return Link(server.port, receive_bytes) if certificate is None else SecureLink(server.port, receive_bytes, certificate)


class Answer(NamedTuple):
    status: int
    headers: dict[str, list[str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        values = self.headers.get(name.lower())
        return ", ".join(values) if values else None

    @property
    def error(self) -> dict[str, str]:
        """The error object, its form checked against section 8 of the protocol."""
        assert self.status >= 400, (self.status, self.body[:500])
        assert (self.header("content-type") or "").startswith("application/json"), self.headers
        assert list(self.json) == ["error"]
        error = self.json["error"]
        assert {"code", "message"} <= set(error) <= {"code", "message", "field"}
        assert all(isinstance(value, str) and value for value in error.values())
        assert (self.header("retry-after") is not None) == (self.status in (429, 503))
        return error

    def refusal(self) -> tuple[int, str, str | None]:
        """Status, code and field."""
        return self.status, self.error["code"], self.error.get("field")


def request(
    method: str,
    target: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    *,
    data: Any = ...,
    form: str | None = None,
    version: str = "1.1",
) -> bytes:
    """A request as bytes; *data* is sent as JSON, *form* as a form."""
    fields = {"Host": "anywire.test", **(headers or {})}
    if data is not ...:
        body = json.dumps(data).encode()
        fields.setdefault("Content-Type", "application/json")
    if form is not None:
        body = form.encode()
        fields.setdefault("Content-Type", "application/x-www-form-urlencoded")
    if body is not None and "Transfer-Encoding" not in fields:
        fields.setdefault("Content-Length", str(len(body)))
    head = f"{method} {target} HTTP/{version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return head.encode("latin1") + b"\r\n" + (body or b"")


def read_head(link: Link) -> tuple[int, dict[str, list[str]]]:
    lines = link.until(b"\r\n\r\n").decode("latin1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    return int(lines[0].split(" ")[1]), headers


def read_chunk(link: Link) -> bytes:
    """One chunk of a chunked body; b"" is the last."""
    size = int(link.until(b"\r\n"), 16)
    data = link.exactly(size)
    assert link.exactly(2) == b"\r\n"
    return data


def read_answer(link: Link, *, head_only: bool = False) -> Answer:
    status, headers = read_head(link)
    if head_only or status in (204, 304) or status < 200:
        body = b""
    elif "chunked" in headers.get("transfer-encoding", []):
        body = b"".join(iter(lambda: read_chunk(link), b""))
    elif "content-length" in headers:
        body = link.exactly(int(headers["content-length"][0]))
    else:
        body = link.rest()
    return Answer(status, headers, body)


def ask(server: Server, method: str, target: str, headers: dict[str, str] | None = None, **body: Any) -> Answer:
    """One request on a connection of its own, by nobody in particular."""
    link = connect(server)
    try:
        link.send(request(method, target, headers, **body))
        return read_answer(link, head_only=method == "HEAD")
    finally:
        link.close()


def nothing(media_type: str | None, *, is_chunked: bool = False) -> dict[str, Any]:
    """What `ask` sends as an empty body of that type."""
    headers = {} if media_type is None else {"Content-Type": media_type}
    if is_chunked:
        return {"headers": {**headers, "Transfer-Encoding": "chunked"}, "body": b"0\r\n\r\n"}
    return {"headers": headers, "body": b""}


class Visitor:
    """Somebody with a cookie, as the first answer gave it."""

    def __init__(self, server: Server, headers: dict[str, str] | None = None):
        self.server = server
        self.headers = dict(headers or {})
        answer = self.ask("GET", "/v1/negotiate")
        assert answer.status == 200, answer.body
        self.id: str = answer.json["user"]["id"]

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        answer = ask(self.server, method, target, {**self.headers, **(headers or {})}, **body)
        for line in answer.headers.get("set-cookie", []):
            for morsel in SimpleCookie(line).values():
                self.headers["Cookie"] = f"{morsel.key}={morsel.coded_value}"
        return answer

    def publish(self, channel: str, data: Any, **rest: Any) -> dict[str, Any]:
        """The receipt."""
        answer = self.ask("POST", "/v1/publish", data={"channel": channel, "data": data, **rest})
        assert answer.status == 200, answer.body
        return answer.json

    def publish_all(self, channel: str, values: Iterable[Any]) -> list[dict[str, Any]]:
        """The receipts, in order; at most 100 messages."""
        answer = self.ask("POST", "/v1/publish", data={"messages": [{"channel": channel, "data": value} for value in values]})
        assert answer.status == 200, answer.body
        return answer.json["results"]

    def history(self, channel: str, **parameters: object) -> dict[str, Any]:
        query = "&".join(f"{name}={value}" for name, value in {"channel": channel, **parameters}.items())
        answer = self.ask("GET", f"/v1/history?{query}")
        assert answer.status == 200, answer.body
        return answer.json


def eventually(condition: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    """What *condition* returns once that is true."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.01)


def open_connections(server: Server) -> dict[str, int]:
    """How many of each transport the server says that it holds."""
    text = ask(server, "GET", "/metrics").body.decode()
    lines = [line for line in text.splitlines() if line.startswith("anywire_connections{")]
    return {line.split('"')[1]: int(float(line.split()[-1])) for line in lines}


def database_uri(server: Server, name: str) -> str:
    """Of the database *name* in the mongod that *server* owns, or that it shares with its owner."""
    shared = server.settings.get("mongodb_uri")
    host = shared.rpartition("/")[0] if shared else f"mongodb://{quote(str(server.data / 'mongodb' / 'mongod.sock'), safe='')}"
    return f"{host}/{name}?directConnection=true"
