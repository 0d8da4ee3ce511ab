"""The log as it really is, and a reader of it. Every `yield` is an await: anything may happen there.

A reader may see less than there is (a member that lags), may fail, and may see a trim between two chunks; only a head that
the primary confirmed is current at the moment in which it is read.
"""

from collections.abc import Callable, Generator
from typing import TypeVar

from protocol.channel import take
from protocol.message import Message, encode_message
from protocol.positions import Position
from protocol.resume import Bounds
from protocol.session import Page

T = TypeVar("T")
Steps = Generator[None, None, T]
Pick = Callable[[int], int]
"""pick(n) is a number below n; every choice of a run is made by it."""


class Away(Exception):
    """The log can't be reached."""


class Channel:
    """One channel in one life of the log."""

    def __init__(self, name: str, epoch: str):
        self.name = name
        self.epoch = epoch
        self.is_state = name.startswith("job:")
        self.all: list[Message] = []
        """Every message that was ever committed, also those trimmed since."""
        self.chunks: list[list[Message]] = []
        self.floors = [0]

    @property
    def floor(self) -> int:
        return self.floors[-1]

    @property
    def head(self) -> int:
        return len(self.all)

    def commit(self, sizes: list[int]) -> list[Message]:
        messages = []
        for size in sizes:
            position = Position(self.epoch, self.head + 1)
            message = encode_message(
                "state" if self.is_state else "message", self.name, position, id="", time=0, user=None, data=b"1" * size
            )
            self.all.append(message)
            messages.append(message)
        self.chunks.append(messages)
        return messages

    def raise_floor(self, chunks: int) -> None:
        """First half of a trim: the oldest *chunks* are declared gone."""
        gone = self.chunks[:chunks]
        if gone and gone[-1][-1].offset > self.floor:
            self.floors.append(gone[-1][-1].offset)

    def sweep(self, chunks: int) -> None:
        """Second half: of what lies below the floor, the oldest *chunks* are deleted."""
        while chunks and self.chunks and self.chunks[0][-1].offset <= self.floor:
            del self.chunks[0]
            chunks -= 1


class Truth:
    """All lives of the log; only the last one can be read."""

    def __init__(self) -> None:
        self.epochs: list[str] = []
        self._channels: dict[tuple[str, str], Channel] = {}
        self.restore()

    @property
    def epoch(self) -> str:
        return self.epochs[-1]

    def restore(self) -> None:
        self.epochs.append(f"life{len(self.epochs)}")

    def channel(self, name: str, epoch: str | None = None) -> Channel:
        key = (epoch or self.epoch, name)
        if key not in self._channels:
            self._channels[key] = Channel(name, key[0])
        return self._channels[key]


class Reader:
    def __init__(self, truth: Truth, pick: Pick):
        self._truth = truth
        self._pick = pick
        self.epoch = truth.epoch
        self.is_shaky = True
        """Reads may fail or lag."""

    def _channel(self, name: str) -> Channel:
        if self.epoch != self._truth.epoch or self.is_shaky and self._pick(80) == 1:
            raise Away
        return self._truth.channel(name, self.epoch)

    def _lag(self) -> int:
        return self._pick(4) if self.is_shaky and self._pick(6) == 1 else 0

    def head(self, name: str) -> Steps[int]:
        yield
        head = max(0, self._channel(name).head - self._lag())
        yield
        return head

    def newest(self, name: str, max_bytes: int) -> Steps[tuple[int, list[Message]]]:
        yield
        channel = self._channel(name)
        visible = channel.head - self._lag()
        messages: list[Message] = []
        size = 0
        if channel.is_state and channel.chunks:  # a member that lagged so far would still have an older one
            visible = max(visible, channel.chunks[0][-1].offset)
        for chunk in reversed([chunk for chunk in channel.chunks if chunk[-1].offset <= visible]):
            size += sum(len(message.payload) for message in chunk)
            if messages and (size > max_bytes or chunk[-1].offset + 1 != messages[0].offset):
                break
            messages = chunk + messages
        head = messages[-1].offset if messages else channel.floor  # nothing is written and trimmed between two reads
        yield
        return head, messages

    def bounds(self, name: str, *, confirmed: bool = False) -> Steps[Bounds]:
        yield
        head = self._channel(name).head - (0 if confirmed else self._lag())
        yield
        channel = self._channel(name)
        if channel.is_state and channel.chunks:  # who has seen the trim has seen what it left
            head = max(head, channel.floor + 1)
        return Bounds(max(0, head), channel.floor)

    def chunks(self, name: str, after: int) -> "Cursor":
        return Cursor(lambda: self._channel(name), after, self._lag())

    def page(self, name: str, after: int, max_bytes: int) -> Steps[Page]:
        messages: list[Message] = []
        size = 0
        cursor = self.chunks(name, after)
        while size < max_bytes and (chunk := (yield from cursor.next())):
            if messages and chunk[0].offset != messages[-1].offset + 1:
                break
            messages.extend(message for message in chunk if message.offset > after)
            size += sum(len(message.payload) for message in chunk)
        if messages and messages[0].offset == after + 1:
            return Page(take(messages, max_bytes))
        bounds = yield from self.bounds(name)
        if bounds.head <= after:
            raise Away
        if self._lag():  # the member that told the bounds has not seen the last trim
            bounds = bounds._replace(floor=self._channel(name).floors[-2:][0])
        return Page(messages, bounds)


class Cursor:
    def __init__(self, channel: Callable[[], Channel], after: int, lag: int):
        self._channel = channel
        self._after = after
        self._visible = max(0, channel().head - lag) if lag else None

    def next(self) -> Steps[list[Message] | None]:
        """The next chunk that is still there; the first one may begin before what was asked for."""
        yield
        for chunk in self._channel().chunks:
            last = chunk[-1].offset
            if last > self._after and (self._visible is None or last <= self._visible):
                self._after = last
                return chunk
        return None
