"""One channel's newest messages in memory.

Invariant: `messages` are contiguous and the last one has offset `head`; `head` is None until it was read from the log.
`heard` is the highest offset that anything spoke of: where it is above `head`, a hole waits to be filled from the log.

A channel whose newest message is a state is a channel of states: only the newest one counts, so nothing before it is
held, and there are no holes to fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from protocol.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protocol.fanout import Form
    from protocol.subscription import Subscription

MESSAGE_OVERHEAD_BYTES = 200
"""What a Message costs beside its payload: the object, its slots and one encoded form's header."""


class ChannelLog:
    __slots__ = (
        *("ahead", "apart", "delivered_s", "epoch", "head", "heard", "held", "is_state", "live", "messages"),
        *("name", "pending", "round", "sent", "signals", "size_bytes", "subscriptions", "told_s"),
    )

    def __init__(self, name: str, epoch: str):
        self.name = name
        self.epoch: str | None = epoch
        """The life of the log that this is from; None once the hub has let go of it, and nothing arrives here any more."""
        self.head: int | None = None
        self.heard = 0
        self.is_state = False
        self.held: Message | None = None
        """A state that is newer than head, and is shown in a moment."""
        self.messages: list[Message] = []
        self.size_bytes = 0
        self.subscriptions: set[Subscription] = set()
        self.live: dict[Form, dict[Subscription, None]] = {}
        """The subscriptions that have everything up to `sent` or beyond, by the form that they share."""
        self.apart: dict[Subscription, None] = {}
        """Those that share none: each is pushed what is new."""
        self.ahead: dict[Subscription, None] = {}
        """Those that have more than `sent`: what follows `sent` reaches them without what they have."""
        self.sent = 0
        """Everything up to here went out to who is live; what follows it, up to head, is `pending`."""
        self.pending: list[Message] = []
        self.signals: list[bytes] = []
        self.round: Iterator[int] | None = None
        """The fan-out under way."""
        self.told_s = 0.0
        """When something last went out."""
        self.delivered_s = 0.0

    @property
    def first(self) -> int:
        """The offset of the oldest message in memory; head + 1 where there is none."""
        assert self.head is not None
        return self.head - len(self.messages) + 1

    @property
    def shows_state(self) -> bool:
        """True where it is known to be of states, and the newest is here."""
        return self.is_state and bool(self.messages)

    @property
    def has_hole(self) -> bool:
        return self.head is not None and self.heard > self.head

    def begin(self, head: int, newest: Sequence[Message]) -> None:
        """The first thing known: *head*, and perhaps the *newest* messages, which end there."""
        self.head = self.sent = head
        self._hold(newest)

    def _hold(self, newest: Sequence[Message]) -> None:
        self.is_state = bool(newest) and newest[-1].is_state
        self.messages = list(newest[-1:] if self.is_state else newest)
        self.size_bytes = sum(len(message.payload) + MESSAGE_OVERHEAD_BYTES for message in self.messages)

    def append(self, messages: list[Message]) -> list[Message]:
        """Takes what follows head, and returns it; repeats are dropped, what lies beyond a hole is only heard of."""
        self.heard = max(self.heard, messages[-1].offset)
        if self.head is None:
            return []
        if messages[-1].is_state:
            if messages[-1].offset <= self.head:
                return []
            self.head = messages[-1].offset
            self._hold(messages[-1:])
            return list(self.messages)
        fresh = []
        for message in messages:
            if message.offset == self.head + 1:
                fresh.append(message)
                self.head = message.offset
                self.size_bytes += len(message.payload) + MESSAGE_OVERHEAD_BYTES
            elif message.offset > self.head:
                break
        self.messages.extend(fresh)
        return fresh

    def since(self, offset: int, max_bytes: int) -> list[Message] | None:
        """Messages after *offset*, oldest first, about *max_bytes* but at least one; [] at the head, None where older than memory.

        Of states the newest alone.
        """
        assert self.head is not None
        if offset >= self.head:
            return []
        if self.is_state:
            return list(self.messages) or None
        start = offset + 1 - self.first
        if start < 0:
            return None
        return take(self.messages, max_bytes, start)

    def trim(self, max_bytes: int) -> None:
        """Forgets the oldest messages until at most *max_bytes* are held."""
        drop = 0
        while self.size_bytes > max_bytes and drop < len(self.messages):
            self.size_bytes -= len(self.messages[drop].payload) + MESSAGE_OVERHEAD_BYTES
            drop += 1
        del self.messages[:drop]

    def jump(self, head: int) -> None:
        """Goes on from *head* without what lies between; nothing is pending. Who is live reads the log by himself."""
        left = self._offsets()
        self.trim(0)
        self.head = self.sent = head
        for subscription, offset in left:
            subscription.fall_behind(offset)

    def put_behind(self) -> None:
        """Every live subscription is now behind."""
        for subscription, offset in self._offsets():
            subscription.fall_behind(offset)

    def _offsets(self) -> list[tuple[Subscription, int]]:
        groups = (*self.live.values(), self.apart, self.ahead)
        return [(subscription, subscription.offset) for group in groups for subscription in group]


def take(messages: list[Message], max_bytes: int, start: int = 0) -> list[Message]:
    """About *max_bytes* of *messages* from index *start*, but at least one if there is any."""
    end, size = start, 0
    while end < len(messages) and (end == start or size + len(messages[end].payload) <= max_bytes):
        size += len(messages[end].payload)
        end += 1
    return messages[start:end]
