"""A wire that remembers what it was asked for, and takes what it is told to take."""

from collections.abc import Callable

import msgspec

from protocol.channel import ChannelLog
from protocol.hub import Hub
from protocol.message import Message
from protocol.resume import Resolution
from protocol.session import Attachment, Read
from protocol.subscription import Subscription

EPOCH = "life0"


def messages(first: int, last: int, size: int = 10) -> list[Message]:
    return [Message(offset, b"%*d" % (size, offset)) for offset in range(first, last + 1)]


class PlainWire:
    form = None

    def __init__(self, *, takes: bool = True):
        self.takes = takes
        self.pushed: list[int] = []
        self.wakes = self.leaves = 0
        self.on_push: Callable[[], None] = lambda: None
        self.on_wake: Callable[[], None] = lambda: None
        self.attachment = Attachment(self, EPOCH)

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        self.on_push()
        if self.takes:
            self.pushed.extend(message.offset for message in messages)
        return self.takes

    def wake(self) -> None:
        self.wakes += 1
        self.on_wake()

    def leave(self) -> None:
        self.leaves += 1

    def signal(self, payload: bytes) -> None:
        raise AssertionError("the core sends no signals")

    def follow(self, log: ChannelLog, after: int | None = None) -> Subscription:
        """Attaches to *log* (at its head) and reads what there is."""
        assert log.head is not None
        subscription = self.attachment.attach(log, Resolution(log.head if after is None else after, True))
        self.read()
        return subscription

    def read(self, max_bytes: int = 10**6) -> list[int | tuple[int, bool]] | Read:
        """What a pull brings: offsets, and for `subscribed` where it goes on and whether all was recovered."""
        pulled = self.attachment.pull(max_bytes)
        return pulled if isinstance(pulled, Read) else [shown(message) for batch in pulled for message in batch.messages]


def shown(message: Message) -> int | tuple[int, bool]:
    event = msgspec.json.decode(message.payload)
    return message.offset if isinstance(event, int) else (message.offset, event["recovered"])


def hub_with(fills: list[str] | None = None, **limits: int) -> Hub:
    return Hub(EPOCH, (fills if fills is not None else []).append, lambda: 7.0, lambda delay_s, act: None, **limits)
