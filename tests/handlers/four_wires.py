"""The four wires as a client sees them, of one shape: open with the channels wanted, take one event after the other."""

import contextlib
import json
import os
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from tests.handlers.talking import PATIENCE_S, Answer, Closed, connect, read_answer, read_chunk, read_head, request
from tests.running import Server

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
HELD_S = 0.2
"""A poll without an answer after so long is taken to be held."""
Event = dict[str, Any]


class Refused(Exception):
    """The wire was answered with an error."""

    def __init__(self, answer: Answer):
        super().__init__(answer.status, answer.body)
        self.answer = answer


def query_of(subs: tuple[str, ...], more: str = "") -> str:
    return "&".join([*(f"sub={quote(sub, safe='')}" for sub in subs), *([more] if more else [])])


class Wire:
    """*more* are further parameters, *form* sends all of them as a POST. Raises Refused."""

    transport: str

    def __init__(
        self, server: Server, *subs: str, more: str = "", headers: dict[str, str] | None = None, form: bool = False, receive_bytes: int = 0
    ):
        self.server = server
        self.headers = dict(headers or {})
        self.link = connect(server, receive_bytes)
        self.form = form
        self.pending: deque[Event] = deque()
        self.events: list[Event] = []
        self.begin(query_of(subs, more))

    def begin(self, query: str) -> None:
        raise NotImplementedError

    def more(self, within_s: float) -> None:
        """Appends what comes next to `pending`. Raises TimeoutError, Closed."""
        raise NotImplementedError

    def follow(self) -> None:
        """Has the server hold this wire, where it doesn't by itself."""

    def send_query(self, query: str, headers: dict[str, str] | None = None) -> None:
        path = f"/v1/{self.transport}"
        fields = {**self.headers, **(headers or {})}
        if self.form:
            self.link.send(request("POST", path, fields, form=query))
        else:
            self.link.send(request("GET", f"{path}?{query}", fields))

    def event(self, within_s: float = PATIENCE_S) -> Event:
        """The next one. Raises TimeoutError, Closed."""
        deadline = time.monotonic() + within_s
        while not self.pending:
            self.more(deadline - time.monotonic())
        self.events.append(self.pending.popleft())
        return self.events[-1]

    def until(self, found: Callable[[Event], Any], within_s: float = PATIENCE_S) -> Event:
        """The next event that *found* is true for; others are passed over."""
        deadline = time.monotonic() + within_s
        while True:
            event = self.event(deadline - time.monotonic())
            if found(event):
                return event

    def kind(self, *kinds: str) -> Event:
        return self.until(lambda event: event["type"] in kinds)

    def take(self, count: int, *kinds: str) -> list[Event]:
        """The next *count* events of these kinds (default: messages)."""
        return [self.kind(*(kinds or ("message",))) for _ in range(count)]

    def subscribed(self) -> Event:
        """The first events, up to `subscribed`, and follows from there."""
        event = self.kind("subscribed")
        self.follow()
        return event

    def quiet(self, for_s: float = 0.1) -> bool:
        """True where nothing but pings comes in that time."""
        try:
            self.until(lambda event: event["type"] != "ping", for_s)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self.link.close()


class WebSocketWire(Wire):
    transport = "websocket"

    def begin(self, query: str) -> None:
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        self.refs = 0
        self.closed_with: int | None = None
        self.form = False
        self.send_query(query, {**handshake, **self.headers})
        status, fields = read_head(self.link)
        self.answer = Answer(status, fields, b"")
        if status != 101:
            body = self.link.exactly(int(fields["content-length"][0])) if "content-length" in fields else b""
            raise Refused(Answer(status, fields, body))
        assert fields["sec-websocket-accept"] == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]

    def more(self, within_s: float) -> None:
        if not self.link.buffer:
            self.link.fill(within_s)
        opcode, payload = self.frame()
        if opcode == TEXT:
            self.pending.append(json.loads(payload))
        elif opcode == PING:
            self.send_frame(payload, PONG)
        elif opcode == CLOSE:
            self.closed_with = struct.unpack("!H", payload[:2])[0] if payload else 1005
            raise Closed()

    def frame(self) -> tuple[int, bytes]:
        """The next one from the server, which is whole and unmasked."""
        first, size = self.link.exactly(2)
        assert first & 0xF0 == 0x80 and not size & 0x80
        if size == 126:
            size = int.from_bytes(self.link.exactly(2))
        elif size == 127:
            size = int.from_bytes(self.link.exactly(8))
        return first & 15, self.link.exactly(size)

    def send_frame(self, payload: bytes, opcode: int = TEXT, **odd: Any) -> None:
        self.link.send(frame(payload, opcode, **odd))

    def command(self, **fields: Any) -> None:
        self.send_frame(json.dumps(fields).encode())

    def call(self, **fields: Any) -> Event:
        """Sends a command with a ref, and returns its ack or error."""
        self.refs += 1
        self.command(**fields, ref=self.refs)
        ref = self.refs
        return self.until(lambda event: event.get("ref") == ref)

    def close_code(self) -> int:
        """What it is closed with; events before that are passed over."""
        while self.closed_with is None:
            try:
                self.event()
            except Closed:
                assert self.closed_with is not None, "closed without a word"
        return self.closed_with


class SseWire(Wire):
    transport = "sse"

    def begin(self, query: str) -> None:
        self.send_query(query)
        status, fields = read_head(self.link)
        self.answer = Answer(status, fields, b"")
        if status != 200:
            raise Refused(Answer(status, fields, self.link.exactly(int(fields["content-length"][0]))))
        self.chunked = "transfer-encoding" in fields
        self.chunks: list[tuple[float, bytes]] = []
        """Each chunk is one write of the server; with the time of its arrival."""
        self.text = b""
        self.last_id = ""
        self.ids: list[str] = []
        """What a browser's lastEventId was at each event."""
        self.retry_ms: int | None = None

    def more(self, within_s: float) -> None:
        if not self.link.buffer:
            self.link.fill(within_s)
        if self.chunked:
            data = read_chunk(self.link)
        else:
            data, self.link.buffer = self.link.buffer, b""
        self.chunks.append((time.monotonic(), data))
        self.text += data
        while b"\n\n" in self.text:
            block, _, self.text = self.text.partition(b"\n\n")
            for line in block.decode().split("\n"):
                field, _, value = line.partition(": ")
                if field == "id":
                    self.last_id = value
                elif field == "retry":
                    self.retry_ms = int(value)
                else:
                    assert field == "data", line
                    self.pending.append(json.loads(value))
                    self.ids.append(self.last_id)


class PollWire(Wire):
    def begin(self, query: str) -> None:
        self.next = query
        self.held = False
        self.answers: list[Answer] = []
        self.follow()
        with contextlib.suppress(TimeoutError):
            self.more(HELD_S)

    def follow(self) -> None:
        if not self.held:
            self.send_query(self.next)
            self.held = True

    def more(self, within_s: float) -> None:
        self.follow()
        if not self.link.buffer:
            self.link.fill(within_s)
        answer = read_answer(self.link)
        self.held = False
        self.headers.pop("Last-Event-ID", None)  # of the first request alone: later ones have `next`
        self.answers.append(answer)
        if answer.status != 200:
            raise Refused(answer)
        self.pending.extend(answer.json["events"])
        self.next = answer.json["next"]


class LongPollWire(PollWire):
    transport = "long-poll"


class ShortPollWire(PollWire):
    transport = "short-poll"

    def follow(self) -> None:
        """Nothing holds it: asking now would only answer with what is there already."""

    def more(self, within_s: float) -> None:
        if self.answers and not self.answers[-1].json["events"]:
            time.sleep(min(0.02, max(0.0, within_s)))
        if within_s <= 0:
            raise TimeoutError("nothing came")
        self.send_query(self.next)
        self.held = True
        super().more(PATIENCE_S)


WIRES: tuple[type[Wire], ...] = (WebSocketWire, SseWire, LongPollWire, ShortPollWire)


def frame(
    payload: bytes, opcode: int = TEXT, *, fin: bool = True, reserved: int = 0, masked: bool = True, size: int | None = None
) -> bytes:
    """A client's frame (RFC 6455 section 5.2); *size* is what it claims to hold."""
    length = len(payload) if size is None else size
    head = bytes([fin << 7 | reserved << 4 | opcode])
    mask = os.urandom(4) if masked else b""
    if length < 126:
        head += bytes([masked << 7 | length])
    elif length < 65536:
        head += bytes([masked << 7 | 126]) + length.to_bytes(2)
    else:
        head += bytes([masked << 7 | 127]) + length.to_bytes(8)
    if not masked:
        return head + payload
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)])
    return head + mask + (int.from_bytes(payload) ^ key).to_bytes(len(payload))
