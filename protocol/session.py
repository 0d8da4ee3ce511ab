"""One attachment: a connection (or one poll) at its positions.

A subscription is in one of two states.
  live     it has everything that went out to its channel's receivers, or more; what is new is sent by the fan-out, with what
           all wires of its form share, or pushed to the wire; one that takes none of it is behind
  behind   it has everything up to `offset`; the wire pulls what follows, at its own pace, from memory or the log
So nothing is ever queued for a slow reader, and every wire catches up by the same code.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from protocol.channel import ChannelLog, take
from protocol.fanout import Form
from protocol.message import Message
from protocol.positions import Position
from protocol.resume import Bounds, Resolution, restart
from protocol.subscription import NOWHERE, Link, Subscription

_encode = msgspec.json.Encoder().encode


class Wire(Protocol):
    """What an attachment asks of its transport. No call blocks."""

    form: Form | None
    """How it writes, where it shares that with others; else it is pushed what is new."""
    link: Link

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        """Sends *messages* now, all of them, or returns False and sends none."""

    def wake(self) -> None:
        """There is something to pull."""

    def leave(self) -> None:
        """The log has another epoch, or isn't held here any more: the client has to come again, at its positions."""

    def signal(self, payload: bytes) -> None:
        """Sends an event that isn't kept; it may be dropped."""


class Batch(NamedTuple):
    """What goes to a wire in one piece: contiguous messages of one channel, or one `subscribed`."""

    subscription: Subscription
    messages: list[Message]
    is_of_log: bool = True
    """False for `subscribed`, which is told to this attachment alone."""

    @property
    def size_bytes(self) -> int:
        return sum(len(message.payload) for message in self.messages)


class Read(NamedTuple):
    """The next messages are older than memory: read them from the log, after this offset, and `give` them."""

    channel: str
    after: int


class Page(NamedTuple):
    """What a read found: contiguous messages, the first ones kept after the offset asked for, and the bounds if they begin later."""

    messages: list[Message]
    bounds: Bounds | None = None


class _Gone:
    """The wire of who has left."""

    form: Form | None = None
    link: Link = NOWHERE

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        return True

    def wake(self) -> None: ...
    def leave(self) -> None: ...
    def signal(self, payload: bytes) -> None: ...


_GONE = _Gone()


class Attachment:
    __slots__ = ("_announcements", "_behind", "epoch", "subscriptions", "wire")

    def __init__(self, wire: Wire, epoch: str):
        self.wire: Wire = wire
        self.epoch = epoch
        """Of all the positions that its client is told."""
        self.subscriptions: dict[str, Subscription] = {}
        self._behind: dict[Subscription, None] = {}
        self._announcements: list[Batch] = []

    def attach(self, log: ChannelLog, resolution: Resolution, *, announce: bool = True) -> Subscription:
        """Subscribes to *log* from there, in place of an earlier subscription to it; the wire is woken.

        Without *announce* there is no `subscribed`: a poll that goes on where its client said.
        Where the hub has let go of *log* since it was resolved, or it is from another life, the client is asked to come again.
        """
        self.detach(log.name)
        subscription = Subscription(self, log, resolution.offset)
        self.subscriptions[log.name] = subscription
        if log.epoch != self.epoch:
            self.wire.leave()
            return subscription
        log.subscriptions.add(subscription)
        if announce:
            self._announce(subscription, resolution)
        self.now_behind(subscription)
        return subscription

    def join(self, log: ChannelLog) -> None:
        """Subscribes to *log*, which is at rest, for what comes next."""
        subscription = Subscription(self, log, log.sent)
        self.subscriptions[log.name] = subscription
        log.subscriptions.add(subscription)
        subscription.go_live()

    def detach(self, channel: str) -> None:
        subscription = self.subscriptions.pop(channel, None)
        if subscription is not None:
            subscription.log.subscriptions.discard(subscription)
            subscription.leave_group()
            self._behind.pop(subscription, None)
            self._announcements = [one for one in self._announcements if one.subscription is not subscription]

    def close(self) -> None:
        for channel in list(self.subscriptions):
            self.detach(channel)
        self.wire = _GONE  # which has us: together they would wait for the garbage collector

    def now_behind(self, subscription: Subscription) -> None:
        self._behind[subscription] = None
        self.wire.wake()

    def leave(self) -> None:
        """What its subscriptions follow is gone; what a read still brings would be of another life of the log."""
        self._behind.clear()
        self._announcements.clear()
        self.wire.leave()

    def pull(self, max_bytes: int) -> list[Batch] | Read:
        """What is next for the wire, about *max_bytes* of it, in order; [] when all is live; or a Read to be done first."""
        batches, self._announcements = self._announcements, []
        budget = max_bytes - sum(batch.size_bytes for batch in batches)
        for subscription in list(self._behind):
            while budget > 0 or not batches:
                messages = self._next(subscription, budget)
                if messages is None:
                    if batches:
                        break
                    return Read(subscription.channel, subscription.newest - 1 if subscription.log.is_state else subscription.offset)
                if not messages:
                    del self._behind[subscription]
                    subscription.go_live()
                    break
                batches.append(Batch(subscription, messages))
                budget -= batches[-1].size_bytes
                subscription.advance(messages[-1].offset)
            else:  # out of budget: the others come first next time
                self._behind[subscription] = self._behind.pop(subscription)
                break
        return batches

    def give(self, read: Read, page: Page) -> None:
        """The answer to a Read. Where it begins later than asked for, the client is told, and goes on with the newest still kept."""
        subscription = self.subscriptions.get(read.channel)
        if subscription is None or subscription not in self._behind or subscription.log.epoch != self.epoch:
            return  # unsubscribed, or the log began another life, while the read was under way
        if subscription.log.is_state or page.messages and page.messages[-1].is_state:
            self._give_state(subscription, page)
            return
        if subscription.offset != read.after:
            return  # subscribed anew
        if page.bounds is None or not page.messages and page.bounds.floor <= read.after:
            subscription.page = page.messages  # an empty one is of a reader that lagged: it is asked again, since nothing was lost
            return
        offset = restart(max(page.bounds.head, subscription.newest), page.bounds.floor).offset
        kept = [message for message in page.messages if message.offset > max(offset, read.after)]
        resolution = Resolution(kept[0].offset - 1 if kept else max(offset, read.after), recovered=False)
        subscription.page = kept
        subscription.advance(resolution.offset)
        self._announce(subscription, resolution)

    @staticmethod
    def _give_state(subscription: Subscription, page: Page) -> None:
        """Of states nothing but the newest can be missing; one that is too old to be kept is not missed."""
        if page.messages:
            if page.messages[-1].offset > subscription.offset:
                subscription.page = page.messages[-1:]
        elif page.bounds is not None and page.bounds.floor == page.bounds.head > subscription.offset:
            subscription.advance(page.bounds.head)

    @property
    def wants_wire(self) -> bool:
        """True while there is something to pull."""
        return bool(self._behind or self._announcements)

    @staticmethod
    def _next(subscription: Subscription, budget: int) -> list[Message] | None:
        if subscription.page:
            messages = take(subscription.page, budget)
            subscription.page = subscription.page[len(messages) :] or None
            return messages
        return subscription.log.since(subscription.offset, budget)

    def _announce(self, subscription: Subscription, resolution: Resolution) -> None:
        self._announcements.append(Batch(subscription, [subscribed(subscription.channel, self.epoch, resolution)], False))


def subscribed(channel: str, epoch: str, resolution: Resolution) -> Message:
    position = str(Position(epoch, resolution.offset))
    event = {"type": "subscribed", "channel": channel, "position": position, "recovered": resolution.recovered}
    return Message(resolution.offset, _encode(event))
