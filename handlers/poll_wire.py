"""A wire whose answer ends: long-poll and short-poll. They differ in how long a request without news is held.

The server keeps nothing between two requests; `next` tells the client what to ask.
"""

import time

from handlers.asked import Asked, seconds, shows_presence
from handlers.forms import poll_body, sub
from handlers.node import Node, connection_id
from handlers.presence import LINGER_POLL_S, is_somebody
from handlers.wire import Located, goaway, hello
from negotiation.identity import User
from protocol.codes import ProtocolError
from protocol.fanout import Form
from protocol.message import Message
from protocol.positions import Position
from protocol.session import Attachment, Read
from protocol.subscription import Link, Subscription

MESSAGES_BYTES = 768 * 1024
"""An answer holds 1 MiB at most: this leaves room for the message that goes over it, the signals, and what is around them. Each read of
the log is of so much, too, however little room is left, so that it can be shared."""
SIGNALS_EVERY_S = 1.0
"""Signals answer a held poll at most so often."""
SIGNALS_BYTES = 128 * 1024


class PollWire:
    """One request: it is woken by what is new, and pulls it."""

    __slots__ = ("_node", "_signals_bytes", "_since_s", "address", "attachment", "events", "form", "link", "transport", "user", "watched")

    link: Link

    def __init__(self, node: Node, transport: str, user: User, address: str):
        self.transport = transport
        self.user = user
        self.address = address
        self.attachment = Attachment(self, node.hub.epoch)
        self.events: list[bytes] = []
        """What is neither message nor state, in the order in which it came."""
        self.form: Form | None = None
        self._node = node
        self._since_s = time.monotonic()
        self._signals_bytes = 0
        self.watched: tuple[str, ...] = ()
        """Channels whose presence its client asked for."""
        node.enter(self)

    def wake(self) -> None:
        raise NotImplementedError

    def hasten(self, for_s: float) -> None:
        """It may be held for so long at most."""
        raise NotImplementedError

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        return False

    def leave(self) -> None:
        self.goaway(0)

    def signal(self, payload: bytes) -> None:
        if not self._signals_bytes:
            since_s = time.monotonic() - self._since_s
            self.hasten(max(0.0, SIGNALS_EVERY_S - since_s))
        self._signals_bytes += len(payload)
        if self._signals_bytes <= SIGNALS_BYTES:
            self.events.append(payload)

    def rename(self, user: User) -> None:
        self.user = user
        self.events.append(self.hello())
        self.wake()

    def hello(self) -> bytes:
        return hello(self._node, self.user, self.transport, connection_id(), self._node.settings.heartbeat_s, self.address)

    def goaway(self, retry_ms: int) -> None:
        self.events.append(goaway(retry_ms))
        self.wake()

    def dismiss(self) -> None:
        self.events.append(goaway(0, reconnect=False))
        self.wake()

    def greet(self, errors: list[bytes]) -> None:
        self._node.greeted(self.transport)
        self.events += [self.hello(), *errors]

    def attach(self, located: list[Located]) -> None:
        """Who goes on where he was isn't told so again."""
        for one in located:
            self.attachment.attach(one.log, one.resolution, announce=not resumed(one))
        if self._node.is_dismissed(self.user, (one.log.name for one in located if resumed(one))):
            self.dismiss()

    def watch(self, asked: Asked, is_greeted: bool) -> None:
        """Shows presence, if that is asked for: 1, or what `next` had in place of it, by which it is known what the client was told."""
        if shows_presence(asked):
            self.watched = tuple(self.attachment.subscriptions)
            presence, known = self._node.presence, asked.parameters["presence"][-1]
            if is_greeted or not known.isdecimal():
                presence.watch(self, self.watched)
            else:
                presence.watch(self, self.watched, presence.digest(self.watched) if known == "1" else int(known[:10]))

    def collect_now(self, size: int = 0) -> list[bytes] | Read:
        """Messages and states that are in memory, or were read for another one a moment ago, bounded so that the answer is too; or
        what has to be read first. *size* bytes are in it already."""
        taken: list[bytes] = []
        while size < MESSAGES_BYTES:
            pulled = self.attachment.pull(MESSAGES_BYTES - size)
            if isinstance(pulled, Read):
                page = self._node.feed.page_now(pulled, MESSAGES_BYTES)
                if page is None:
                    return taken or pulled
                self.attachment.give(pulled, page)
                continue
            if not pulled:
                break
            for batch in pulled:
                taken += [message.payload for message in batch.messages]
                size += batch.size_bytes
        return taken

    def body(self, first: list[bytes], messages: list[bytes]) -> bytes:
        """The answer: *first*, then *messages*, then what came meanwhile, and the parameters of the following request."""
        epoch = self.attachment.epoch  # the log may have begun another life while this was held
        subscriptions = self.attachment.subscriptions.values()
        following = "&".join([sub(one.channel, f"{epoch}-{one.offset}") for one in subscriptions])
        if self.watched:
            following += f"&presence={self._node.presence.digest(self.watched)}"
        more = {"poll": round(self._node.settings.poll_s * 1000 * self._node.load.factor)} if self.transport == "short-poll" else {}
        return poll_body([*first, *messages, *self.events], following, **more)

    def on_closed(self) -> None:
        if is_somebody(self.user):
            self._node.presence.note(self.attachment.subscriptions, self.user.id, self.user.name, LINGER_POLL_S)
        if self.watched:
            self._node.presence.unwatch(self, self.watched)
        self.attachment.close()
        self._node.leave(self)


def asks_for_hello(asked: Asked) -> bool:
    """In any case."""
    return "hello" in asked.parameters and asked.parameters["hello"][-1] == "1"


def check(asked: Asked) -> None:
    """Raises ProtocolError."""
    if not asked.starts and not asks_for_hello(asked):
        raise ProtocolError("bad-request", "sub names the channels to follow.", field="sub")


def hold_s(transport: str, asked: Asked, node: Node) -> float:
    """How long it may be held. Raises ProtocolError."""
    if transport == "short-poll":
        return 0.0
    return min(seconds(asked.parameters, "wait", node.settings.hold_s), node.settings.hold_s)


def resumed(located: Located) -> bool:
    return isinstance(located.start, Position) and located.resolution.recovered
