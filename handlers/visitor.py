"""What a visitor is offered, what he is called, and how his negotiation went."""

from typing import Any

import msgspec

from handlers.base import Base
from negotiation.identity import clean_name
from negotiation.verdicts import named
from protocol.codes import ProtocolError
from protocol.frames import NameBody, parse_body


class Negotiate(Base):
    def get(self) -> None:
        self.answer(self.offer())

    head = get


class Me(Base):
    def post(self) -> None:
        name = clean_name(parse_body(self.body(), NameBody).name)
        if self.user.backend:
            raise ProtocolError("forbidden", "The API key is no visitor.")
        self.node.publishes.take(self.user.id)
        self.keep_user(self.user._replace(name=name))
        self.node.rename(self.user)
        self.answer({"user": self.user.public()})


MAX_ATTEMPTS = 50
"""Of a report that are looked at: as many as our client keeps."""


class _Attempt(msgspec.Struct, rename="camel"):
    """Times in ms since the client's start. They are checked, not counted."""

    transport: str
    verdict: str
    started_ms: float | None = None
    hello_ms: float | None = None
    ended_ms: float | None = None
    cut_ms: float | None = None
    delay_ms: float | None = None
    phases: dict[str, float] = {}

    @property
    def fault(self) -> tuple[str, str]:
        """Of held requests that serve, since they end before they are cut: the cut."""
        return self.transport, "cut" if self.cut_ms and self.verdict == "ok" else self.verdict


class _Report(msgspec.Struct):
    transport: str | None = None
    network: str | None = None
    attempts: list[_Attempt] = []


class Report(Base):
    max_body_bytes = 32 * 1024

    def post(self) -> None:
        report: Any = parse_body(self.body(), _Report)
        self.node.publishes.take(self.user.id)
        if self.node.reports.count(self.user.id, self.network()):
            self._count(report.transport, named(a.fault for a in report.attempts[:MAX_ATTEMPTS]))
        self.set_status(204)

    def _count(self, chosen: str | None, verdicts: set[tuple[str, str]]) -> None:
        self.node.metrics.report(chosen, verdicts)
        self.node.counts.add("reports")
        for transport, code in verdicts:
            self.node.counts.add("verdicts", transport, code)
