"""A form that wires share, and the reading of its bytes: one line an event, which says also whose life of which channel it is of."""

from collections.abc import Iterator
from typing import NamedTuple

from protocol.channel import ChannelLog
from protocol.message import Message
from protocol.session import Item


class LinesForm(NamedTuple):
    kind: bytes

    def join(self, log: ChannelLog, messages: list[Message]) -> bytes:
        return b"".join(b"%s %s@%s-%d %s\n" % (self.kind, *_bytes(log.name, log.epoch), one.offset, one.payload) for one in messages)

    def signal(self, payload: bytes) -> bytes:
        return b"%s signal %s\n" % (self.kind, payload)

    def read(self, data: bytes) -> Iterator[Message]:
        """The messages that *data* holds, all of them whole; no byte of them may be another's."""
        assert data.endswith(b"\n")
        for line in data[:-1].split(b"\n"):
            kind, position, payload = line.split(b" ", 2)
            assert kind == self.kind, "the bytes of another form"
            assert b'"position":"%s"' % position.partition(b"@")[2] in payload, "a position of another life"
            yield Message(int(position.rpartition(b"-")[2]), payload)


def said(message: Message) -> Item:
    """As what a pull brings; nobody asks whose it is."""
    return Item(None, message)  # type: ignore[arg-type]


def _bytes(*texts: str | None) -> Iterator[bytes]:
    return (str(text).encode() for text in texts)
