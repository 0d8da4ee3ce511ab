"""The two shapes of a wire, as handlers/ have them, each holding to account what it is given to say.

Whatever a wire says of a channel must follow what it said before: `subscribed`, then each following offset, or a
`subscribed` with recovered false, and that only where something really is gone.
"""

from collections import deque
from typing import Any, NamedTuple

import msgspec

from protocol.message import Message
from protocol.positions import Last, Next, Oldest, Position, Start, parse_position
from protocol.resume import Resolution
from protocol.session import Attachment, Item, Read
from protocol.subscription import Subscription
from tests.protocol.process import Process
from tests.protocol.true_log import Away, Channel, Steps

PAGE_BYTES = 600
"""A few messages, or one."""
ANSWER_BYTES = 800


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

    def say(self, item: Item) -> dict[str, Any]:
        """The event, if it may be said now."""
        event: dict[str, Any] = msgspec.json.decode(item.message.payload)
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
            assert position.offset == event["offset"] == item.message.offset
            skipped = position.offset - self.positions[name] - 1
            assert skipped == 0 or skipped > 0 and channel.is_state, "skipped or repeated"
            assert item.message.payload == channel.all[position.offset - 1].payload
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


class StreamWire:
    """WebSocket or SSE: takes pushes while its socket isn't full; a task pumps while there is something to catch up with."""

    form = None

    def __init__(self, process: Process, start: Any):
        self.process = process
        self.attachment = Attachment(self, process.hub.epoch)
        self.account = Account(process)
        self.sent: list[dict[str, Any]] = []
        """Events on their way to the client."""
        self.is_full = self.is_closed = False
        self._commands: deque[dict[str, Start | None]] = deque()
        self._start = start
        self._is_obeying = self._is_pumping = False

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        if self.is_full or self.is_closed:
            return False
        self.sent.extend(self.account.say(Item(subscription, message)) for message in messages)
        return True

    def wake(self) -> None:
        if not self._is_pumping and not self.is_closed:
            self._is_pumping = True
            self._start(self._pump())

    def leave(self) -> None:
        self.sent.append({"type": "goaway"})

    def signal(self, payload: bytes) -> None:
        raise AssertionError("nothing here sends signals")

    def close(self) -> None:
        self.is_closed = True
        self.attachment.close()

    def command(self, starts: dict[str, Start | None]) -> None:
        """Subscribes to channels from there, or unsubscribes where it is None; in the order in which it is called."""
        self._commands.append(starts)
        if not self._is_obeying:
            self._is_obeying = True
            self._start(self._obey())

    def _obey(self) -> Steps[None]:
        while self._commands and not self.is_closed:
            starts = self._commands.popleft()
            for name in [name for name, start in starts.items() if start is None]:
                self.attachment.detach(name)
                self.account.end(name)
                self._acknowledge(name)
            yield from self._subscribe({name: start for name, start in starts.items() if start is not None})
        self._is_obeying = False

    def _subscribe(self, starts: dict[str, Start]) -> Steps[None]:
        """Looks up all, then attaches all, as a request with several `sub` does."""
        asked = {name: self.account.ask(name, start) for name, start in starts.items()}
        located = []
        try:
            for name, start in starts.items():
                log, resolution = yield from self.process.locate(name, start)
                self.account.check(name, asked[name], resolution)
                located.append((log, resolution))
                if len(starts) > 1:
                    yield
        except Away:
            self.leave()
            return
        if not self.is_closed:
            for log, resolution in located:
                self._acknowledge(log.name)
                self.account.begin(log.name, resolution)
                self.attachment.attach(log, resolution)

    def _acknowledge(self, name: str) -> None:
        self.sent.append({"type": "ack", "channel": name})

    def _pump(self) -> Steps[None]:
        try:
            while not self.is_closed:
                pulled = self.attachment.pull(PAGE_BYTES)
                if isinstance(pulled, Read):
                    page = yield from self.process.reader.page(pulled.channel, pulled.after, PAGE_BYTES)
                    self.attachment.give(pulled, page)
                elif pulled:
                    self.sent.extend(self.account.say(item) for item in pulled)
                    while self.is_full and not self.is_closed:
                        yield
                else:
                    return
        except Away:
            self.leave()
        finally:
            self._is_pumping = False


class PollWire:
    """One request of long-poll or short-poll: refuses every push, and is answered by what it pulls."""

    form = None

    def __init__(self, process: Process):
        self.process = process
        self.attachment = Attachment(self, process.hub.epoch)
        self.account = Account(process)
        self.is_woken = self.was_sent_away = False

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        return False

    def wake(self) -> None:
        self.is_woken = True

    def leave(self) -> None:
        self.was_sent_away = self.is_woken = True

    def signal(self, payload: bytes) -> None:
        raise AssertionError("nothing here sends signals")

    def request(self, starts: dict[str, Start], hold: int) -> Steps[tuple[list[dict[str, Any]], dict[str, Position]]]:
        """The answer's events, and the positions of its `next`. Waits *hold* steps at most. Raises Away."""
        try:
            for name, start in starts.items():
                asked = self.account.ask(name, start)
                log, resolution = yield from self.process.locate(name, start)
                is_fresh = not (isinstance(start, Position) and resolution.recovered)
                self.account.check(name, asked, resolution)
                self.account.begin(name, resolution, is_announced=is_fresh)
                self.attachment.attach(log, resolution, announce=is_fresh)
            events = yield from self._collect()
            if not events:
                self.is_woken = False
                while hold and not self.is_woken:
                    hold -= 1
                    yield
                events = yield from self._collect()
            subscriptions = self.attachment.subscriptions.values()
            following = {s.channel: Position(self.attachment.epoch, s.offset) for s in subscriptions}
            for name, position in self.account.positions.items():
                assert self.account.is_next(name, position, following[name].offset), "next is not where the answer ends"
            return events, following
        finally:
            self.attachment.close()

    def _collect(self) -> Steps[list[dict[str, Any]]]:
        events: list[dict[str, Any]] = []
        size = 0
        while size < ANSWER_BYTES:
            pulled = self.attachment.pull(ANSWER_BYTES - size)
            if isinstance(pulled, Read):
                page = yield from self.process.reader.page(pulled.channel, pulled.after, ANSWER_BYTES - size)
                self.attachment.give(pulled, page)
            elif pulled:
                size += sum(len(item.message.payload) for item in pulled)
                events.extend(self.account.say(item) for item in pulled)
            else:
                break
        return events
