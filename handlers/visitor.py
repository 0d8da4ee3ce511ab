"""What a visitor is offered, what he is called, and how his negotiation went."""

from typing import Any

import msgspec

from handlers.base import Base
from negotiation.identity import clean_name
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


class _Attempt(msgspec.Struct):
    transport: str
    verdict: str


class _Report(msgspec.Struct):
    transport: str | None = None
    attempts: list[_Attempt] = []


class Report(Base):
    max_body_bytes = 32 * 1024

    def post(self) -> None:
        report: Any = parse_body(self.body(), _Report)
        self.node.publishes.take(self.user.id)
        self.node.metrics.report(report.transport, [(a.transport, a.verdict) for a in report.attempts[:50]])
        self.set_status(204)
