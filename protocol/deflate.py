"""permessage-deflate (RFC 7692) without context takeover: each message is compressed by itself.

So a message is compressed once for all who get it, and a connection keeps no compressor and no window.
"""

import sys
import zlib

_SYNC_TAIL = b"\x00\x00\xff\xff"
"""What ends a flushed message, and is left out on the wire (section 7.2.1)."""
_END = b"\x03\x00"
"""An empty last block. Put behind a message it shows whether that was whole: only then is it the end of the stream."""
_BEHIND_LAST_BLOCK = b"\x00" + _SYNC_TAIL + _END
"""What is left where the sender marked its last block as the last one, and added the byte that section 7.2.3.4 asks for."""
_WINDOW_BITS = {str(bits): bits for bits in range(8, 16)}
"""Section 7.1.2: decimal, without leading zeros."""
_FULL_WINDOW_BITS = 15
_SHORT_BYTES = 4096
"""A message of up to so much is compressed with smaller tables: 13 instead of 69 µs for 233 bytes, to the same size."""
_NO_VALUE = ("server_no_context_takeover", "client_no_context_takeover")


def offer(header: str) -> str | None:
    """The value of Sec-WebSocket-Extensions that answers the client's *header*, None where nothing is accepted.

    The first offer that can be met is (RFC 6455 section 9.1); one with an unknown parameter, a repeated one or a bad value can't
    (RFC 7692 section 7). Several headers are joined by commas before.
    """
    for extension in header.split(","):
        name, *parameters = (part.strip(" \t") for part in extension.split(";"))
        if name == "permessage-deflate" and (agreed := _agree(parameters)) is not None:
            return agreed
    return None


def _agree(parameters: list[str]) -> str | None:
    agreed = ["permessage-deflate", *_NO_VALUE]
    seen = set()
    for parameter in parameters:
        name, equals, value = (part.strip(" \t") for part in parameter.partition("="))
        if len(value) > 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if name in seen:
            return None
        seen.add(name)
        if name in _NO_VALUE:
            if equals:
                return None
        elif name == "server_max_window_bits":
            if value not in _WINDOW_BITS:
                return None
            agreed.append(f"{name}={value}")
        elif name != "client_max_window_bits" or (equals and value not in _WINDOW_BITS):
            return None  # a client's window is at most what it may be by default, which inflate() has room for
    return "; ".join(agreed)


def max_deflated_bytes(agreed: str) -> int:
    """The largest message that may be sent compressed after the answer *agreed*; longer ones are sent as they are.

    A message may refer back no further than its client's window reaches (RFC 7692 section 7.1.2.1). The full window suits
    whatever deflate() makes; a smaller one suits what is no longer than itself.
    """
    bits = agreed.partition("server_max_window_bits=")[2]
    return sys.maxsize if bits in ("", str(_FULL_WINDOW_BITS)) else 1 << _WINDOW_BITS[bits]


def deflate(payload: bytes) -> bytes:
    """*payload* as a compressed message (RFC 7692 section 7.2.1)."""
    bits, memory = (12, 5) if len(payload) <= _SHORT_BYTES else (_FULL_WINDOW_BITS, zlib.DEF_MEM_LEVEL)
    compressor = zlib.compressobj(wbits=-bits, memLevel=memory)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_SYNC_TAIL)


def inflate(data: bytes, max_bytes: int) -> bytes | None:
    """What the compressed message *data* holds (RFC 7692 section 7.2.2); None where that is more than *max_bytes*.

    No more than one byte beyond the limit is ever unpacked. ValueError: it isn't whole, or isn't DEFLATE at all.
    """
    decompressor = zlib.decompressobj(-_FULL_WINDOW_BITS)
    try:
        payload = decompressor.decompress(data + _SYNC_TAIL + _END, max_bytes + 1)
    except zlib.error as error:
        raise ValueError("not DEFLATE") from error
    if len(payload) > max_bytes:
        return None
    if not decompressor.eof or decompressor.unused_data not in (b"", _BEHIND_LAST_BLOCK):
        raise ValueError("not one whole message")
    return payload
