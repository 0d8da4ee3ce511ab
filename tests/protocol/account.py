"""What a wire may say of its channels.

It must follow what the wire said before: `subscribed`, then each following offset, or a `subscribed` with recovered false,
and that only where something really is gone.
"""

from typing import Any, NamedTuple

import msgspec

from protocol.message import Message
from protocol.positions import Last, Next, Oldest, Position, Start, parse_position
from protocol.resume import Resolution
from tests.protocol.process import Process
from tests.protocol.true_log import Channel


class Asked(NamedTuple):
    """What a subscription asked for, and what was gone at that time."""

    start: Start
    floor: int


class Account:
    """Everything that one wire has told of its channels."""

    def __init__(self, process: Process):
        self._process = process
        self.epoch = process.hub.epoch
        self.positions: dict[str, int] = {}
        self._begun: dict[str, Resolution] = {}

    def channel(self, name: str) -> Channel:
        return self._process.truth.channel(name, self.epoch)

    def ask(self, name: str, start: Start) -> Asked:
        return Asked(start, self.channel(name).floor)

    def check(self, name: str, asked: Asked, resolution: Resolution) -> None:
        """A resolution of what was asked for is right, at the moment in which it is made."""
        if self._process.hub.epoch != self.epoch:
            return
        channel, log = self.channel(name), self._process.hub.log(name)
        known = log.head
        assert known is not None
        if channel.is_state:
            self._check_state(asked.start, known, log.is_state, resolution)
            return
        match asked.start:
            case Next():
                assert resolution == (known, True)
            case Last(number):
                wanted = max(known - number, 0)
                assert resolution.recovered and (resolution.offset == wanted or wanted < resolution.offset <= channel.floor)
            case Oldest():
                assert resolution.recovered and asked.floor <= resolution.offset <= channel.floor
            case Position(self.epoch, offset):
                assert resolution == (offset, True) or self._is_gap(channel, offset, resolution), "began again for no reason"
                assert not resolution.recovered or offset <= known, "taken on trust"
            case Position():
                assert not resolution.recovered and resolution.offset <= channel.floor
        assert resolution.offset >= min(asked.floor, log.first - 1), "what is gone was promised"

    def _check_state(self, start: Start, known: int, is_state: bool, resolution: Resolution) -> None:
        """Of states the current one comes first, unless the position is its own; nothing before it can be missed."""
        assert is_state == (known > 0)
        if isinstance(start, Position) and start.epoch == self.epoch and start.offset <= known:
            assert resolution == (start.offset, True)
        elif is_state:
            assert resolution == (known - 1, not isinstance(start, Position) or start.epoch == self.epoch)
        else:
            assert resolution == (0, not isinstance(start, Position))

    def begin(self, name: str, resolution: Resolution, *, is_announced: bool = True) -> None:
        """The channel is followed from there; what was said of it before counts no longer."""
        self.end(name)
        if is_announced:
            self._begun[name] = resolution
        else:
            self.positions[name] = resolution.offset

    def end(self, name: str) -> None:
        self.positions.pop(name, None)
        self._begun.pop(name, None)

    def say(self, message: Message) -> dict[str, Any]:
        """The event, if it may be said now."""
        event: dict[str, Any] = msgspec.json.decode(message.payload)
        name = event["channel"]
        channel = self.channel(name)
        position = parse_position(event["position"])
        assert position.epoch == self.epoch
        if event["type"] == "subscribed":
            resolution = Resolution(position.offset, event["recovered"])
            if name in self._begun:
                assert resolution == self._begun.pop(name)
            else:
                assert not channel.is_state, "of states none is missed"
                assert self._is_gap(channel, self.positions[name], resolution), "began again for no reason"
        else:
            assert position.offset == event["offset"] == message.offset
            skipped = position.offset - self.positions[name] - 1
            assert skipped == 0 or skipped > 0 and channel.is_state, "skipped or repeated"
            assert message.payload == channel.all[position.offset - 1].payload
        self.positions[name] = position.offset
        return {**event, "position": position}

    def is_next(self, name: str, position: int, following: int) -> bool:
        """True where who goes on from *following* misses nothing behind *position*; states before the last may be passed over."""
        channel = self.channel(name)
        return following == position or channel.is_state and position < following < channel.head

    @staticmethod
    def _is_gap(channel: Channel, after: int, resolution: Resolution) -> bool:
        """Something after *after* is gone, and nothing that is still kept is left out."""
        return not resolution.recovered and after < resolution.offset <= channel.floor
