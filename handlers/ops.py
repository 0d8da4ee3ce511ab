"""For operators and load balancers: alive, ready, metrics."""

import asyncio
from collections import Counter

from pymongo.errors import PyMongoError

from handlers.base import Base
from handlers.node import Node
from negotiation.transports import TRANSPORTS
from protocol.codes import Unavailable

READY_S = 2.0
AT_ONCE = 2000
"""Connections that are looked at in one turn of the loop: some 2 ms."""


class Healthz(Base):
    needs_user = False

    def get(self) -> None:
        self.answer({"status": "ok"})

    head = get


class Readyz(Base):
    needs_user = False

    async def get(self) -> None:
        if self.node.draining:
            raise Unavailable(code="draining")
        if not await answers(self.node):
            raise Unavailable()
        self.answer({"status": "ready"})

    head = get


async def answers(node: Node) -> bool:
    """True where MongoDB's primary does, in time."""
    try:
        async with asyncio.timeout(READY_S):
            await node.reader.ready()
    except (PyMongoError, TimeoutError):
        return False
    return True


async def subscriptions(node: Node) -> tuple[int, int]:
    """How many there are, and how many of them are catching up."""
    followed = behind = 0
    connections = list(node.connections)
    for first in range(0, len(connections), AT_ONCE):
        for connection in connections[first : first + AT_ONCE]:
            for subscription in connection.attachment.subscriptions.values():
                followed += 1
                behind += not subscription.is_live
        await asyncio.sleep(0)
    return followed, behind


class MetricsText(Base):
    needs_user = False

    async def get(self) -> None:
        self.require_operator()
        node, metrics = self.node, self.node.metrics
        open_now = Counter(connection.transport for connection in node.connections)
        for transport in TRANSPORTS:
            metrics.connections.labels(transport).set(open_now[transport])
        followed, behind = await subscriptions(node)
        metrics.subscriptions.set(followed)
        metrics.behind.set(behind)
        metrics.mongodb_up.set(await answers(node))
        metrics.refusing.set(node.log.refusing is not None)
        metrics.loop_s.set(node.load.lag_s)
        metrics.delivered = node.hub.delivered
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.write(metrics.text())
