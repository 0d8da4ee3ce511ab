"""One channel of one attachment: how far it is, and by which way what is new reaches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from protocol.channel import ChannelLog
from protocol.fanout import Form
from protocol.message import Message

if TYPE_CHECKING:
    from protocol.session import Attachment


class Link(Protocol):
    """What the bytes go to. *send* takes all of them, some or none, says how many, and may raise OSError; *rest* takes what
    was left of a part, which has to follow it before anything else."""

    send: Callable[[bytes], int]

    def rest(self, data: bytes) -> None: ...


class Nowhere:
    """Where bytes go that are for who has left."""

    def __init__(self) -> None:
        self.send: Callable[[bytes], int] = len

    def rest(self, data: bytes) -> None:
        raise AssertionError("all was taken")


NOWHERE = Nowhere()


class Subscription:
    __slots__ = ("_group", "_offset", "attachment", "form", "link", "log", "page")

    def __init__(self, attachment: Attachment, log: ChannelLog, offset: int):
        self.attachment = attachment
        self.log = log
        self.page: list[Message] | None = None
        """Messages read from the log that follow `offset`."""
        self.form: Form | None = None
        """While it is live: the one that it shares."""
        self.link: Link = NOWHERE
        self._group: dict[Subscription, None] | None = None
        """Of its log, the one that it is in while it is live."""
        self._offset: int | None = offset

    @property
    def channel(self) -> str:
        return self.log.name

    @property
    def offset(self) -> int:
        """Everything up to here was handed to the wire; who is served by the round under way may have its batch, too."""
        return self._offset if self._offset is not None else self.log.sent

    @property
    def is_live(self) -> bool:
        return self._group is not None

    @property
    def newest(self) -> int:
        """The channel's head, as far as this process knows."""
        assert self.log.head is not None
        return self.log.head

    def push(self, messages: list[Message]) -> None:
        """*messages* have become the channel's newest: the wire takes them now, or the subscription falls behind."""
        group = self._group
        if group is None:
            return  # what was pushed to another one made this one leave
        if self._offset is not None:
            messages = [message for message in messages if message.offset > self.offset]
            if not messages:
                return
        if not self.attachment.wire.push(self, messages):
            if self._group is group:
                self.fall_behind(messages[0].offset - 1)
        elif self._offset is not None:
            self._offset = messages[-1].offset

    def taken(self, data: bytes, count: int, batch: list[Message]) -> None:
        """Its link took only *count* bytes of *data*, in which *batch* is."""
        if count > 0:
            self.link.rest(data[count:])
        elif batch and self._group is not None:
            self.fall_behind(batch[0].offset - 1)

    def fall_behind(self, offset: int) -> None:
        self.leave_group()
        self._offset = offset
        self.attachment.now_behind(self)

    def advance(self, offset: int) -> None:
        self._offset = offset

    def go_live(self) -> None:
        """It has everything up to `offset`, and takes part in what follows; ahead, until the others are there, too."""
        self.leave_group()
        log = self.log
        if self._offset != log.sent or log.pending:
            self._group = log.ahead
        else:
            self._offset = None
            self.form = self.attachment.wire.form
            if self.form is None:
                self._group = log.apart
            else:
                self.link = self.attachment.wire.link
                self._group = log.live.setdefault(self.form, {})
        self._group[self] = None

    def leave_group(self) -> None:
        if self._group is not None:
            self._group.pop(self, None)
            if self.form is not None and not self._group:
                self.log.live.pop(self.form, None)
            self._group, self.form, self.link = None, None, NOWHERE
