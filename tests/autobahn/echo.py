"""An endpoint that sends every message back, for Autobahn's cases: what is ours in a WebSocket, and nothing else."""

import asyncio

from protocol.deflate import max_deflated_bytes, offer
from protocol.websocket import Binary, Close, Event, Fault, Ping, Receiver, Text
from protocol.websocket_frames import accept, binary_frame, close_frame, deflated_frame, pong_frame, text_frame

MAX_BYTES = 16 * 1024 * 1024
"""The largest message of the cases."""


class Echo(asyncio.Protocol):
    def __init__(self) -> None:
        self.head = b""
        self.receiver: Receiver | None = None
        self.max_deflated_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.receiver is None:
            self.head += data
            head, end, data = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.receiver = self.greet(head.decode("latin-1").split("\r\n"))
        self.receiver.feed(data)
        while (event := self.receiver.next()) is not None:
            self.answer(event)

    def greet(self, lines: list[str]) -> Receiver:
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        answer = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept(headers['sec-websocket-key'])}",
        ]
        agreed = offer(headers.get("sec-websocket-extensions", ""))
        if agreed is not None:
            answer.append(f"Sec-WebSocket-Extensions: {agreed}")
            self.max_deflated_bytes = max_deflated_bytes(agreed)
        self.transport.write("".join(f"{line}\r\n" for line in [*answer, ""]).encode("latin-1"))
        return Receiver(MAX_BYTES, deflate=agreed is not None)

    def answer(self, event: Event) -> None:
        match event:
            case Text(text):
                payload = text.encode()
                is_compressed = 0 < len(payload) <= self.max_deflated_bytes
                self.transport.write(deflated_frame(payload) if is_compressed else text_frame(payload))
            case Binary(data):
                self.transport.write(binary_frame(data))
            case Ping(data):
                self.transport.write(pong_frame(data))
            case Close(code) | Fault(code):
                self.transport.write(close_frame(code))
                self.transport.write_eof()  # and not close(), which resets a connection with unread bytes, close frame and all
