"""Fan-out: what has become a channel's newest goes to everyone who is live. The fast path, and its reason.

With thousands of receivers everything else is cheap beside what is done for each of them. So the wires that get the same
bytes share a form, which encodes once for all of them, and for a receiver there is one step of a loop and one call of its
link's `send`: no object is made that the garbage collector would have to look at. What came in one turn of the event loop
goes out together. A large fan-out is cut into slices, between which the loop does its other work.

Invariant: a live subscription has been handed everything up to `log.sent`, and one that was served in the round under way
also that round's batch; who joins meanwhile is `ahead`, and takes part only in what follows its offset.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from protocol.channel import take
from protocol.message import Message

if TYPE_CHECKING:
    from protocol.channel import ChannelLog
    from protocol.subscription import Subscription

SLICE = 500
"""Receivers in one turn of the loop: some 4 ms."""
APART = 5
"""Receivers that share a form cost a fifth of one who doesn't."""
BATCH_BYTES = 256 * 1024
"""Of messages that go out together: what a socket that is nearly full may still be given."""


class Form(Protocol):
    """How a kind of wire writes; wires of one form are sent the same bytes. Hashable."""

    def join(self, log: ChannelLog, messages: list[Message]) -> bytes:
        """*messages* of *log*, contiguous."""

    def signal(self, payload: bytes) -> bytes:
        """An event that isn't kept; nothing where such wires are told of it in another way."""


class Fanout:
    def __init__(self, soon: Callable[[Callable[[], None]], object]):
        """*soon* calls back in the next turn of the loop."""
        self._soon = soon
        self._rounds: deque[ChannelLog] = deque()
        self._is_due = False
        self.delivered = 0

    def add(self, log: ChannelLog, messages: list[Message]) -> None:
        """*messages* are *log*'s newest from now on."""
        if not log.subscriptions and log.round is None:
            log.sent = messages[-1].offset
            return
        if log.is_state:
            log.pending = messages[-1:]
        else:
            log.pending.extend(messages)
        self._begin(log)

    def add_signal(self, log: ChannelLog, payload: bytes) -> None:
        """An event for everyone on *log*, also who is behind; it may be dropped."""
        if log.subscriptions:
            log.signals.append(payload)
            self._begin(log)

    @staticmethod
    def finish(log: ChannelLog) -> None:
        """Everything that waits for *log*'s receivers goes out now."""
        for _ in log.round or ():
            pass

    @staticmethod
    def drop(log: ChannelLog) -> None:
        """What waits for *log*'s receivers is of another life, and goes out no more, not even to the rest of a round."""
        log.pending.clear()
        log.signals.clear()
        log.round = None

    def _begin(self, log: ChannelLog) -> None:
        if log.round is None:
            log.round = self._round(log)
            self._rounds.append(log)
        if not self._is_due:
            self._is_due = True
            self._soon(self._turn)

    def _turn(self) -> None:
        """A slice, of one channel or of many."""
        left = SLICE
        try:
            while self._rounds and left > 0:
                log = self._rounds.popleft()
                served = next(log.round, None) if log.round is not None else None
                if served is not None:
                    self._rounds.append(log)
                    left -= served
        finally:
            self._is_due = bool(self._rounds)
            if self._is_due:
                self._soon(self._turn)

    def _round(self, log: ChannelLog) -> Iterator[int]:
        """Until nothing waits; yields how many were served since."""
        try:
            while log.pending or log.signals:
                yield from self._batch(log)
        except Exception:  # whatever it is, nobody may be left live without what was meant for him
            log.put_behind()
            raise
        finally:
            log.round = None

    def _batch(self, log: ChannelLog) -> Iterator[int]:
        batch, signals = take(log.pending, BATCH_BYTES), log.signals
        del log.pending[: len(batch)]
        log.signals = []
        for members in _slices((*log.ahead, *log.apart) if batch else (), APART):
            for subscription in members:
                subscription.push(batch)
            self.delivered += len(members) * len(batch)
            yield APART * len(members)
        for payload in signals:
            for members in _slices(_apart(log, payload), APART):
                for subscription in members:
                    subscription.attachment.wire.signal(payload)
                yield APART * len(members)
        for form, group in tuple(log.live.items()):
            data = form.join(log, batch) if batch else b""
            if signals:
                data += b"".join([form.signal(payload) for payload in signals])
            for members in _slices(tuple(group) if data else ()):
                _send(members, data, batch)
                self.delivered += len(members) * len(batch)
                yield len(members)
        if batch:
            log.sent = batch[-1].offset
            for subscription in tuple(log.ahead):
                subscription.go_live()
        yield 1


def _slices(members: tuple[Subscription, ...], cost: int = 1) -> Iterator[tuple[Subscription, ...]]:
    size = max(1, SLICE // cost)
    return (members[start : start + size] for start in range(0, len(members), size))


def _send(members: tuple[Subscription, ...], data: bytes, batch: list[Message]) -> None:
    size = len(data)
    for subscription in members:
        try:
            taken = subscription.link.send(data)
        except OSError:  # full, or gone: then its end is noticed elsewhere
            taken = 0
        if taken != size:
            subscription.taken(data, taken, batch)


def _apart(log: ChannelLog, payload: bytes) -> tuple[Subscription, ...]:
    """Those whom the shared bytes of a signal don't reach."""
    reached = {form for form in log.live if form.signal(payload)}
    if len(log.subscriptions) == sum(len(log.live[form]) for form in reached):
        return ()
    return tuple(subscription for subscription in log.subscriptions if subscription.form not in reached)
