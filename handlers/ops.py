"""For operators and load balancers: alive, ready, metrics."""

import asyncio
from collections import Counter

from pymongo.errors import PyMongoError

from handlers.base import Base
from negotiation.transports import TRANSPORTS
from protocol.codes import Unavailable

READY_S = 2.0


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
        try:
            async with asyncio.timeout(READY_S):
                await self.node.reader.ready()
        except (PyMongoError, TimeoutError) as error:
            raise Unavailable() from error
        self.answer({"status": "ready"})

    head = get


class MetricsText(Base):
    needs_user = False

    def get(self) -> None:
        self.require_operator()
        metrics = self.node.metrics
        open_now = Counter(connection.transport for connection in self.node.connections)
        for transport in TRANSPORTS:
            metrics.connections.labels(transport).set(open_now[transport])
        metrics.lag_s.set(self.node.load.lag_s)
        metrics.delivered.set(self.node.hub.delivered)
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.write(metrics.text())
