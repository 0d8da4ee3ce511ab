"""One server process: a hub, and around it what store/feed.py does, with every await made a `yield`."""

from collections.abc import Callable
from typing import NamedTuple

from protocol.channel import ChannelLog
from protocol.hub import Hub
from protocol.message import Message
from protocol.positions import Position, Start
from protocol.resume import Resolution, resolve
from tests.protocol.true_log import Away, Pick, Reader, Steps, Truth

HOLE_MESSAGES = 4
FIRST_BYTES = 400
WINDOW_BYTES = 900
"""Two or three messages of a channel."""
WINDOWS_BYTES = 1500
IDLE_CHANNELS = 3
"""No fewer than a client follows: a request whose first channel is shed while its last one is looked up never attaches."""


class Notice(NamedTuple):
    """What the bus brings."""

    epoch: str
    channel: str
    messages: list[Message]


class Process:
    def __init__(self, truth: Truth, pick: Pick, start: Callable[[Steps[None]], None]):
        """*start* has a task run beside all others."""
        self.truth = truth
        self.pick = pick
        self.reader = Reader(truth, pick)
        self.hub = Hub(
            truth.epoch,
            self.fill,
            lambda: self.now_s,
            lambda delay_s, act: self._start(self._wait(delay_s, act)),
            self._soon,
            windows_bytes=WINDOWS_BYTES,
            window_bytes=WINDOW_BYTES,
            idle_channels=IDLE_CHANNELS,
        )
        self.now_s = 1.0
        self._is_prompt = pick(4) == 1
        self.inbox: list[Notice] = []
        self._start = start
        self._filling: set[str] = set()

    def _soon(self, act: Callable[[], None]) -> None:
        """The next turn of the loop: anything may happen before, or nothing."""
        if self._is_prompt:
            act()
        else:
            self._start(self._turn(act))

    @staticmethod
    def _turn(act: Callable[[], None]) -> Steps[None]:
        yield
        act()

    def _wait(self, delay_s: float, act: Callable[[], None]) -> Steps[None]:
        due_s = self.now_s + delay_s
        yield
        self.now_s = max(self.now_s, due_s)
        act()

    def hear(self, notice: Notice) -> None:
        if notice.epoch == self.hub.epoch:
            self.hub.deliver(notice.channel, notice.messages)

    def renew(self) -> None:
        if self.hub.epoch != self.truth.epoch:
            self.reader.epoch = self.truth.epoch
            self.hub.renew(self.truth.epoch)

    def refresh(self, channel: str) -> Steps[None]:
        epoch = self.hub.epoch
        try:
            head = yield from self.reader.head(channel)
        except Away:
            return
        if self.hub.epoch == epoch and self.hub.head(channel) is not None:
            self.hub.learn(channel, head)

    def locate(self, channel: str, start: Start) -> Steps[tuple[ChannelLog, Resolution]]:
        """Raises Away."""
        epoch = self.hub.epoch
        log = self.hub.log(channel)
        if log.head is None:
            head, newest = yield from self.reader.newest(channel, FIRST_BYTES)
            if self.hub.epoch != epoch:
                raise Away
            log = self.hub.learn(channel, head, newest)
        resolution = resolve(start, self.hub.epoch, log)
        if resolution is None and log.held is not None:
            self.hub.release(channel)
            resolution = resolve(start, self.hub.epoch, log)
        if resolution is None:
            ahead = isinstance(start, Position) and start.epoch == epoch and start.offset > (log.head or 0)
            bounds = yield from self.reader.bounds(channel, confirmed=ahead)
            if self.hub.epoch != epoch:
                raise Away
            while True:
                if self.hub.head(channel) is None:
                    head, newest = yield from self.reader.newest(channel, FIRST_BYTES)
                    if self.hub.epoch == epoch:
                        self.hub.learn(channel, head, newest)
                if self.hub.epoch != epoch:
                    raise Away
                log = self.hub.learn(channel, bounds.head)
                if log.head is not None and log.head >= bounds.head:
                    break
                yield
            resolution = resolve(start, self.hub.epoch, log, bounds)
        assert resolution is not None
        return log, resolution

    def fill(self, channel: str) -> None:
        if channel not in self._filling:
            self._filling.add(channel)
            self._start(self._fill(channel))

    def _fill(self, channel: str) -> Steps[None]:
        while (log := self.hub.log(channel)).head is not None and log.has_hole:
            try:
                yield from self._read_on(channel, log, log.head)
            except Away:
                yield
        self._filling.discard(channel)

    def _read_on(self, channel: str, log: ChannelLog, head: int) -> Steps[None]:
        epoch = self.hub.epoch
        is_large = log.heard - head > HOLE_MESSAGES
        if not log.is_state and not is_large:
            cursor = self.reader.chunks(channel, head)
            while chunk := (yield from cursor.next()):
                if self.hub.epoch != epoch:
                    return
                self.hub.deliver(channel, chunk)
        if log.head == head:
            found, newest = yield from self.reader.newest(channel, 0)
            if self.hub.epoch != epoch:
                return
            if newest and newest[-1].is_state:
                self.hub.deliver(channel, newest)
                self.hub.release(channel)
            else:
                self.hub.jump(channel, max(found, log.heard) if is_large else found)

    def check_memory(self) -> None:
        """The bounds that the hub was given hold, and its own account is right."""
        logs = list(self.hub._logs.values())
        for log in logs:
            assert log.size_bytes == sum(len(message.payload) + 200 for message in log.messages)
            assert log.size_bytes <= WINDOW_BYTES
            assert [m.offset for m in log.messages] == (list(range(log.first, log.head + 1)) if log.head is not None else [])
            live = {subscription for group in (log.apart, log.ahead, *log.live.values()) for subscription in group}
            assert live <= log.subscriptions
            if log.round is None:
                assert not log.pending
                assert log.sent == log.head or log.head is None
                assert all(subscription.offset >= log.head for subscription in live)
        assert self.hub._size_bytes == sum(log.size_bytes for log in logs) <= WINDOWS_BYTES
