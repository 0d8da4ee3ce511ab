"""What the four wires share: the subscriptions that a request asks for, and its first events."""

import asyncio
from typing import NamedTuple

from handlers.asked import Asked, starts
from handlers.base import Base, encode
from handlers.http1 import SERVER
from handlers.node import Node
from negotiation.authorize import BY_ENDPOINT, authorize
from negotiation.identity import User
from protocol.channel import ChannelLog
from protocol.codes import ProtocolError, Refusal
from protocol.frames import Ref
from protocol.positions import Position, Start
from protocol.resume import Resolution


class Located(NamedTuple):
    start: Start
    log: ChannelLog
    resolution: Resolution


class Wire(Base):
    """A request that attaches its client to channels."""

    transport: str

    async def prepare(self) -> None:
        await super().prepare()
        if self.transport not in self.node.settings.transports:
            raise ProtocolError("transport-disabled")
        self.node.admit(self.outside.address)

    def _who(self) -> User:
        self.node.admission.check()  # before anybody is given an identity
        return super()._who()

    def asked(self) -> Asked:
        """Raises ProtocolError."""
        parameters = self.parameters()
        return Asked(parameters, starts(parameters, self.request.headers.get("Last-Event-ID")))


def locate_now(node: Node, user: User, starts: dict[str, Start]) -> list[Located] | None:
    """As `locate`, where all of it is in memory and allowed; else None."""
    found = []
    for channel, start in starts.items():
        known = node.feed.locate_now(channel, start) if _may_read(user, channel) else None
        if known is None or channel.partition(":")[0] in BY_ENDPOINT and not known[0].shows_state:
            return None
        found.append(Located(start, *known))
    return found


def is_current(node: Node, user: User, channel: str, start: Start) -> ChannelLog | None:
    """The channel's log, where *start* is the position of all who wait for what comes next, and *user* may wait with them."""
    log = node.hub.at_rest(channel, start) if isinstance(start, Position) and _may_read(user, channel) else None
    return log if log is not None and (log.shows_state or channel.partition(":")[0] not in BY_ENDPOINT) else None


def _may_read(user: User, channel: str) -> bool:
    try:
        authorize(user, "read", channel)
    except ProtocolError:
        return False
    return True


async def locate(node: Node, user: User, starts: dict[str, Start], ref: Ref = None) -> tuple[list[Located], list[bytes]]:
    """Where each subscription begins, and an `error` event for each that is refused. Raises Unavailable.

    Take the user's tokens before: what is refused for now is refused whole, so that no client loses a channel by it.
    """
    errors: list[bytes] = []

    async def one(channel: str, start: Start) -> Located | None:
        try:
            authorize(user, "read", channel)
            located = Located(start, *await node.feed.locate(channel, start))
            kind, _, name = channel.partition(":")
            if kind == "vote" and not located.log.messages and await node.votes.show(name):
                located = Located(start, *await node.feed.locate(channel, start))
            if kind in BY_ENDPOINT and not located.log.is_state:
                raise ProtocolError("not-found", f"There is no {channel}.")
            return located
        except ProtocolError as error:
            errors.append(error_event(error, channel=channel, ref=ref))
            return None

    found = await asyncio.gather(*(one(channel, start) for channel, start in starts.items()))
    # while one was looked up the others may have moved on: a head only grows, so a resolution stays true
    return [located for located in found if located is not None], errors


def hello(node: Node, user: User, transport: str, connection: str, heartbeat_s: float, address: str) -> bytes:
    return encode(
        {
            "type": "hello",
            "transport": transport,
            "connection": connection,
            "heartbeat": round(heartbeat_s * 1000),
            "server": SERVER,
            "network": node.network(address),
            "user": user.public(),
        }
    )


def error_event(error: Refusal, *, channel: str | None = None, ref: Ref = None, id: str | None = None) -> bytes:
    retry = None if error.retry_after_s is None else round(error.retry_after_s * 1000)
    about = {"channel": channel, "ref": ref, "id": id, "retry": retry}
    return encode({"type": "error", **error.body(), **{name: value for name, value in about.items() if value is not None}})


PING = encode({"type": "ping"})


def goaway(retry_ms: int, *, reconnect: bool = True) -> bytes:
    return encode({"type": "goaway", "retry": retry_ms, "reconnect": reconnect})


def retry_ms(error: Refusal) -> int:
    return round((error.retry_after_s or 1.0) * 1000)
