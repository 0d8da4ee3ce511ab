"""Bytes that were written for one wire, for the next one of the same form at the same place.

After a restart thousands come back at the same few positions, and each gets the same messages: they are joined once. What a key
stands for never changes, as offsets of one life of the log are given once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from protocol.fanout import Form
from protocol.session import Batch

if TYPE_CHECKING:
    from handlers.forms import Writer

MAX_BYTES = 8 * 1024 * 1024
"""A hundred pages of 64 KiB."""
Key = tuple[Form, str, str | None, int, int]


class Joined:
    """The most recently used of what was joined."""

    def __init__(self, max_bytes: int = MAX_BYTES):
        self._max_bytes = max_bytes
        self._found: OrderedDict[Key, bytes] = OrderedDict()
        self.size_bytes = 0

    def of(self, writer: Writer, form: Form | None, batches: list[Batch]) -> list[bytes]:
        """*batches* as *writer* writes them; those of more than one message are remembered where it writes as all of *form* do.

        `subscribed` never is, nor are states: they are one message.
        """
        return [self._one(writer, form, batch) for batch in batches]

    def _one(self, writer: Writer, form: Form | None, batch: Batch) -> bytes:
        log, messages = batch.subscription.log, batch.messages
        if form is None or len(messages) < 2:
            return writer.join(log, messages)
        assert batch.is_of_log
        key = (form, log.name, log.epoch, messages[0].offset, messages[-1].offset)
        data = self._found.get(key)
        if data is not None:
            self._found.move_to_end(key)
            return data
        data = self._found[key] = form.join(log, messages)
        self.size_bytes += len(data)
        while self.size_bytes > self._max_bytes:
            self.size_bytes -= len(self._found.popitem(last=False)[1])
        return data
