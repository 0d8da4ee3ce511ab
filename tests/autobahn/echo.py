"""An endpoint that sends every message back, for Autobahn's cases: the handshake, the links and the connections of the server."""

from collections.abc import Awaitable

from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream
from tornado.tcpserver import TCPServer

from handlers.link import Link, Poller
from handlers.stream_link import StreamLink, taken_over
from handlers.websocket import agreed_extension, check_handshake, handshake
from handlers.websocket_connection import WebSocketConnection
from protocol.deflate import max_deflated_bytes
from protocol.websocket_frames import binary_frame, deflated_frame, text_frame

MAX_BYTES = 16 * 1024 * 1024
"""The largest message of the cases."""
MAX_HEAD_BYTES = 65536


class Echo(WebSocketConnection):
    __slots__ = ("_max_deflated_bytes",)

    def __init__(self, link: Link, extension: str | None):
        super().__init__(link, MAX_BYTES, deflate=extension is not None)
        self._max_deflated_bytes = max_deflated_bytes(extension) if extension else 0

    def on_text(self, text: str) -> Awaitable[None] | None:
        payload = text.encode()
        return self._send(deflated_frame(payload) if len(payload) <= self._max_deflated_bytes else text_frame(payload))

    def on_binary(self, data: bytes) -> Awaitable[None] | None:
        return self._send(binary_frame(data))

    def _send(self, frame: bytes) -> Awaitable[None] | None:
        self.link.write(frame)
        return self.until_read() if self.link.is_writing else None


class EchoServer(TCPServer):
    def __init__(self, poller: Poller | None):
        """On bare sockets that *poller* watches, or without one on Tornado's streams."""
        super().__init__()
        self._poller = poller

    async def handle_stream(self, stream: IOStream, address: object) -> None:
        head = (await stream.read_until(b"\r\n\r\n", MAX_HEAD_BYTES)).decode("latin-1")
        headers = HTTPHeaders.parse(head.partition("\r\n")[2])
        check_handshake(headers, "HTTP/1.1")
        extension = agreed_extension(headers, True)
        link = StreamLink(stream) if self._poller is None else taken_over(stream, self._poller)
        Echo(link, extension)
        link.write(handshake(headers, extension, b""))
