"""A form that wires share, one line an event, which says also whose life of which channel it is of; and a wire that has it."""

from collections.abc import Iterator
from typing import NamedTuple

from protocol.channel import ChannelLog
from protocol.message import Message
from tests.protocol.plain_wire import PlainWire


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


def _bytes(*texts: str | None) -> Iterator[bytes]:
    return (str(text).encode() for text in texts)


FORM = LinesForm(b"a")
OTHER = LinesForm(b"b")


class SharedWire(PlainWire):
    """Takes what others get, too; its socket has room for *room* bytes."""

    def __init__(self, form: LinesForm | None = FORM, room: int = 10**6):
        super().__init__()
        self.form = form
        self.link = self
        self.room = room
        self.sends = []
        self.rests = []
        self.signals = []
        self.is_broken = False
        self.on_send = lambda: None

    def send(self, data):
        self.on_send()
        if self.is_broken:
            raise BrokenPipeError
        count = min(self.room, len(data))
        self.room -= count
        if count:
            self.sends.append(data[:count])
        return count

    def rest(self, data):
        self.rests.append(data)

    def signal(self, payload):
        if self.room:
            self.signals.append(payload)

    @property
    def lines(self):
        """What it was sent: offsets, and signals as text."""
        whole = b"".join(self.sends + self.rests).splitlines()
        return [int(line.split()[-1]) if b"signal" not in line else line.rpartition(b" ")[2].decode() for line in whole]


class Turns:
    """A loop whose turns come when they are told to."""

    def __init__(self):
        self.due = []

    def later(self, act):
        self.due.append(act)

    def run(self, count=1):
        for _ in range(count):
            acts, self.due = self.due, []
            for act in acts:
                act()

    def all(self):
        while self.due:
            self.run()


def following(log, count, form=FORM):
    wires = [SharedWire(form) for _ in range(count)]
    for wire in wires:
        wire.follow(log)
    return wires


def served(wires):
    return [len(wire.sends) for wire in wires]
