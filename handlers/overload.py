"""The answer to whom there is no room for: the same on all four transports, and made without a look at who asks.

No visitor is made, no cookie signed and no log asked. A page of another site is told why it may read the answer, or its browser
would hide it; that alone takes a look at the head, and only where the operator has named such sites.
"""

import contextlib
import math

from handlers.base import encode
from handlers.http1 import head, parse_head
from handlers.node import Node
from handlers.visit import cors, outside, vary
from protocol.codes import ProtocolError, Unavailable


def refused(error: Unavailable, data: bytes, remote_ip: str, node: Node) -> bytes:
    """To the request that *data* begins with (RFC 9110 sections 10.2.3 and 15.6.4); its connection ends."""
    node.metrics.refused.labels(error.code).inc()
    body = encode({"error": error.body()})
    about = b"Content-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    lines = about % len(body) + b"Retry-After: %d\r\nConnection: close\r\n" % max(1, math.ceil(error.retry_after_s or 1))
    return head(b"503 Service Unavailable", lines + _cors(data, remote_ip, node)) + body


def _cors(data: bytes, remote_ip: str, node: Node) -> bytes:
    fields = vary(node)
    found = parse_head(data, remote_ip) if fields and b"\norigin:" in data.lower() else None
    if found is not None:
        with contextlib.suppress(ProtocolError):  # who would be refused in any case
            fields = cors(found.headers, outside(found, node), node)
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode("ascii")
