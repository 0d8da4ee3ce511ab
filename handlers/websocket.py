"""WebSocket (RFC 6455), subprotocol anywire.v1: events come down, commands go up."""

from handlers.asked import heartbeat_s
from handlers.http1 import head
from handlers.stream_link import link_of
from handlers.visit import Fields
from handlers.websocket_wire import WebSocketWire
from handlers.wire import Wire
from protocol.codes import ProtocolError, Refusal
from protocol.deflate import offer
from protocol.websocket_frames import accept, check_key

SUBPROTOCOL = "anywire.v1"


def check_handshake(headers: Fields, version: str) -> None:
    """RFC 6455 section 4.2.1, but for the origin. Raises ProtocolError."""
    upgrades = {part.strip().lower() for part in (headers.get("Connection") or "").split(",")}
    if (headers.get("Upgrade") or "").lower() != "websocket" or "upgrade" not in upgrades:
        raise ProtocolError("bad-request", "This address speaks WebSocket only (RFC 6455).")
    if version == "HTTP/1.0":
        raise ProtocolError("bad-request", "A WebSocket begins with a request of HTTP/1.1 or later.")  # section 4.1
    if headers.get("Sec-WebSocket-Version") != "13" or not check_key(headers.get("Sec-WebSocket-Key") or ""):
        raise ProtocolError("bad-request", "The handshake is not one of WebSocket version 13.")


def agreed_extension(headers: Fields, may_deflate: bool) -> str | None:
    """RFC 7692 section 5."""
    offered = headers.get("Sec-WebSocket-Extensions") if may_deflate else None
    return offer(offered) if offered else None


def handshake(headers: Fields, extension: str | None, more: bytes) -> bytes:
    """The answer to a handshake that was checked (RFC 6455 section 4.2.2), with the lines *more*."""
    lines = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept(headers['Sec-WebSocket-Key'])}"]
    if SUBPROTOCOL in [part.strip() for part in (headers.get("Sec-WebSocket-Protocol") or "").split(",")]:
        lines.append(f"Sec-WebSocket-Protocol: {SUBPROTOCOL}")
    if extension is not None:
        lines.append(f"Sec-WebSocket-Extensions: {extension}")
    return head(b"101 Switching Protocols", "".join(f"{line}\r\n" for line in lines).encode("ascii") + more)


class WebSocket(Wire):
    transport = "websocket"

    async def get(self) -> None:
        asked = self.asked()
        heartbeat_s(asked.parameters, self.node)
        self.node.locates.take(self.user.id, len(asked.starts))
        headers = self.request.headers
        check_handshake(headers, self.request.version)
        extension = agreed_extension(headers, self.node.settings.deflate)
        answer = handshake(headers, extension, self.lines())
        link = link_of(self.detach(), self.node)
        WebSocketWire(self.node, link, self.user, self.outside.address, asked, extension=extension).start(asked, None, answer)

    def refuse(self, error: Refusal) -> None:
        self.set_header("Sec-WebSocket-Version", "13")  # section 4.4
        super().refuse(error)
