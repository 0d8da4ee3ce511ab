"""All channels of one process: what came in from the log goes out to whoever follows it.

Invariant: a channel's messages are delivered in the order of their offsets, each once; a hole stops delivery
until `fill` has brought what is missing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

from protocol.channel import ChannelLog
from protocol.fanout import Fanout
from protocol.message import Message
from protocol.positions import Position
from protocol.subscription import Subscription

WINDOWS_BYTES = 64 * 1024 * 1024
"""Memory for the newest messages of all channels together."""
WINDOW_BYTES = 4 * 1024 * 1024
"""Of one channel: some thousands of chat lines, or 60 of the largest messages."""
STATE_EVERY_S = 0.05
"""A channel of states is delivered at most so often; what comes in between is skipped, never the last."""
TIMER_S = 0.001
"""So much early may a timer be."""
IDLE_CHANNELS = 20_000
"""Channels that nobody follows, but whose head is remembered: some 10 MB."""


class Hub:
    def __init__(
        self,
        epoch: str,
        fill: Callable[[str], None],
        clock: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
        soon: Callable[[Callable[[], None]], object] = lambda act: act(),
        *,
        windows_bytes: int = WINDOWS_BYTES,
        window_bytes: int = WINDOW_BYTES,
        idle_channels: int = IDLE_CHANNELS,
    ):
        """*fill* is called with the name of a channel that has a hole; *clock* gives monotonic seconds, *later* calls back
        in so many, *soon* in the next turn of the loop."""
        self.epoch = epoch
        self._later = later
        self._fill = fill
        self._clock = clock
        self._windows_bytes = windows_bytes
        self._window_bytes = window_bytes
        self._idle_channels = idle_channels
        self._logs: OrderedDict[str, ChannelLog] = OrderedDict()
        self._size_bytes = 0
        self._look_at = idle_channels
        """At so many channels, idle ones are looked for again."""
        self._fanout = Fanout(soon)
        self.committed: Callable[[str, list[Message]], None] | None = None
        """Is told what this process itself has stored, for a bus that has to be told."""

    @property
    def delivered(self) -> int:
        """Messages that went out, counted for each receiver."""
        return self._fanout.delivered

    def log(self, channel: str) -> ChannelLog:
        """The channel's log, made if it is new here; its head may not be known yet."""
        log = self._logs.get(channel)
        if log is None:
            self._shed()
            log = self._logs[channel] = ChannelLog(channel, self.epoch)
        else:
            self._logs.move_to_end(channel)
        return log

    def head(self, channel: str) -> int | None:
        """The newest offset that is held here; None where the channel isn't."""
        log = self._logs.get(channel)
        return log.head if log is not None else None

    def at_rest(self, channel: str, position: Position) -> ChannelLog | None:
        """The channel's log, where everything up to *position* and no more is known, and went out to all."""
        log = self._logs.get(channel)
        if log is None or position != (self.epoch, log.head) or log.head != log.sent or log.pending or log.held is not None:
            return None
        self._logs.move_to_end(channel)
        return log

    def newest(self, channel: str) -> Message | None:
        """The newest message that is held here, also a state that is not shown yet; None where there is none."""
        log = self._logs.get(channel)
        if log is None:
            return None
        if log.held is not None and log.held.offset > (log.head or 0):
            return log.held
        return log.messages[-1] if log.messages else None

    def followed(self) -> list[str]:
        """The channels that somebody follows."""
        return [log.name for log in self._logs.values() if log.subscriptions]

    def subscriptions(self, channel: str) -> Collection[Subscription]:
        """Who follows the channel here."""
        log = self._logs.get(channel)
        return log.subscriptions if log is not None else ()

    def learn(self, channel: str, head: int, newest: Sequence[Message] = ()) -> ChannelLog:
        """The log's primary said that *head* is the newest offset; *newest* are its last messages, contiguous, if they were read too."""
        log = self.log(channel)
        log.heard = max(log.heard, head)
        if log.head is None:
            log.begin(head, newest)
            log.trim(self._window_bytes)
            self._size_bytes += log.size_bytes
            if self._size_bytes > self._windows_bytes:
                self._shed()
        if log.has_hole:
            self._fill(channel)
        return log

    def deliver(self, channel: str, messages: list[Message]) -> None:
        """*messages* of *channel*, contiguous, were committed. Channels that nobody asked for are ignored."""
        log = self._logs.get(channel)
        if log is None:
            return
        if messages[-1].is_state and self._clock() - log.delivered_s < STATE_EVERY_S:
            self._hold(log, messages[-1])
        else:
            self._take(log, messages)

    def deliver_own(self, channel: str, messages: list[Message]) -> None:
        """As `deliver`, of messages that this process stored: others may have to be told of them. More than once does no harm."""
        if self.committed is not None:
            self.committed(channel, messages)
        self.deliver(channel, messages)

    def release(self, channel: str) -> None:
        """Shows the state that is held back, if there is one."""
        log = self._logs.get(channel)
        if log is not None:
            self._release(log)

    def _hold(self, log: ChannelLog, state: Message) -> None:
        if log.held is None:
            self._later(self._wait_s(log), lambda: self._show(log))
        if log.held is None or state.offset > log.held.offset:
            log.held = state

    def _wait_s(self, log: ChannelLog) -> float:
        return STATE_EVERY_S - (self._clock() - log.delivered_s)

    def _show(self, log: ChannelLog) -> None:
        """It is time for what is held; or not yet, since another state overtook it while the loop was busy."""
        if log.held is not None and (wait_s := self._wait_s(log)) > TIMER_S:
            self._later(wait_s, lambda: self._show(log))
        else:
            self._release(log)

    def _release(self, log: ChannelLog) -> None:
        state, log.held = log.held, None
        if state is not None and log.epoch is not None:
            self._take(log, [state])

    def _take(self, log: ChannelLog, messages: list[Message]) -> None:
        before = log.size_bytes
        fresh = log.append(messages)
        if fresh:
            log.delivered_s = log.told_s = self._clock()
            self._fanout.add(log, fresh)
            log.trim(self._window_bytes)
            self._size_bytes += log.size_bytes - before
            self._logs.move_to_end(log.name)
            if self._size_bytes > self._windows_bytes:
                self._shed()
        if log.has_hole:
            self._fill(log.name)

    def signal(self, channel: str, payload: bytes) -> None:
        """An event for everyone who follows *channel*, which isn't kept."""
        log = self._logs.get(channel)
        if log is not None:
            log.told_s = self._clock()
            self._fanout.add_signal(log, payload)

    def jump(self, channel: str, head: int) -> None:
        """Gives up filling a hole in memory: goes on from *head*, and followers read the log by themselves."""
        log = self.log(channel)
        if log.head is not None and head > log.head:
            self._size_bytes -= log.size_bytes
            self._fanout.finish(log)
            log.jump(head)
            log.heard = max(log.heard, head)

    def forget_idle(self) -> None:
        """Lets go of the channels that nobody follows: what is known of them may be out of date."""
        for name in [name for name, log in self._logs.items() if not log.subscriptions]:
            self._forget(name)

    def renew(self, epoch: str) -> None:
        """The log has begun another life: nothing held here is true any more, and every client comes again."""
        self.epoch = epoch
        subscriptions = [s for log in self._logs.values() for s in log.subscriptions]
        for log in self._logs.values():
            log.epoch = None
            self._fanout.drop(log)
        self._logs.clear()
        self._size_bytes = 0
        self._look_at = self._idle_channels
        for attachment in {s.attachment: None for s in subscriptions}:
            attachment.leave()

    def _shed(self) -> None:
        """Within the limits again, least recently used first: windows of any channel, whole logs of idle ones.

        A tenth at a time, since each pass goes over all channels.
        """
        if self._size_bytes > self._windows_bytes:
            for log in self._logs.values():
                self._size_bytes -= log.size_bytes
                log.trim(0)
                if self._size_bytes <= self._windows_bytes * 9 // 10:
                    break
        if len(self._logs) >= self._look_at:
            idle = [name for name, log in self._logs.items() if not log.subscriptions]
            for name in idle[: max(0, len(idle) - self._idle_channels)]:
                self._forget(name)
            self._look_at = len(self._logs) + self._idle_channels // 10 + 1

    def _forget(self, name: str) -> None:
        log = self._logs.pop(name)
        log.epoch = None
        self._size_bytes -= log.size_bytes
