"""What stands before the writer and the hub, to count what goes through: neither of them knows of it."""

import time
from typing import Any

import msgspec

from handlers.metrics import Metrics
from handlers.node import now_ms
from protocol.hub import Hub
from protocol.message import Message
from store.writer import Pending, Writer


class MeasuredWriter:
    """A writer whose commits are counted."""

    def __init__(self, writer: Writer, metrics: Metrics):
        self._writer = writer
        self._metrics = metrics

    async def commit(self, pendings: list[Pending]) -> list[Pending]:
        """As the writer's. Raises PyMongoError."""
        since_s = time.monotonic()
        try:
            again = await self._writer.commit(pendings)
        except Exception:
            self._metrics.commit_failures.inc()
            raise
        self._metrics.commit_s.observe(time.monotonic() - since_s)
        self._metrics.committed.inc(len(pendings) - len(again))
        return again


class _Timed(msgspec.Struct):
    time: int


_time_of = msgspec.json.Decoder(_Timed).decode


class MeasuredHub:
    """The hub as the bus sees it: how old is what another process stored, when it arrives here.

    The message has its sender's clock: across hosts the figure is as good as their clocks agree, and never below 0.
    """

    def __init__(self, hub: Hub, metrics: Metrics):
        self._hub = hub
        self._metrics = metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hub, name)

    def deliver(self, channel: str, messages: list[Message]) -> None:
        """As the hub's."""
        self._metrics.bus_s.observe(max(0, now_ms() - _time_of(messages[-1].payload).time) / 1000)
        self._hub.deliver(channel, messages)
