"""For operators: how clients are connected, and what stands in the way of the others."""

import asyncio
from collections import Counter
from typing import Any, NamedTuple

from pymongo.errors import PyMongoError

from handlers.node import now_ms
from handlers.ops import READY_S
from handlers.page import Page, _
from negotiation.transports import TRANSPORTS
from negotiation.verdicts import OTHER, VERDICTS
from protocol.codes import Unavailable

PERIODS_DAYS = (1, 30)
"""Today, and a time in which a change shows."""

NAMES = {
    "websocket": "WebSocket",
    "sse": "SSE",
    "long-poll": _("Long polling"),
    "short-poll": _("Short polling"),
    OTHER: _("Another one"),
}
OTHER_REASON = _("something that this server has no word for")


class Period(NamedTuple):
    """What was counted on some days, *first* to *last*, as in 2026-11-27."""

    first: str
    last: str
    reports: int
    connections: dict[str, int]
    verdicts: dict[str, dict[str, int]]

    @property
    def total(self) -> int:
        return sum(self.connections.values())

    def reasons(self) -> dict[str, list[tuple[str, int]]]:
        """Faults of the network and how many reports named them, by transport, the most frequent first."""
        faults = {
            transport: [(code, count) for code, count in counts.items() if code == OTHER or VERDICTS[code].is_fault]
            for transport, counts in self.verdicts.items()
        }
        return {transport: sorted(found, key=lambda pair: -pair[1]) for transport, found in faults.items() if found}

    def body(self) -> dict[str, Any]:
        return {
            "from": self.first,
            "to": self.last,
            "connections": self.connections,
            "reports": self.reports,
            "verdicts": self.verdicts,
        }


def period(days: list[dict[str, Any]], first: str, last: str) -> Period:
    """The sum of the *days* between, each as the store keeps it. What another version counted under a name that isn't known
    here is `other`."""
    reports = 0
    connections = dict.fromkeys(TRANSPORTS, 0)
    verdicts: dict[str, Counter[str]] = {transport: Counter() for transport in (*TRANSPORTS, OTHER)}
    for day in days:
        if first <= day["_id"] <= last:
            reports += day.get("reports", 0)
            for transport in TRANSPORTS:
                connections[transport] += day.get("connections", {}).get(transport, 0)
            for transport, counts in day.get("verdicts", {}).items():
                for code, count in counts.items():
                    verdicts[transport if transport in TRANSPORTS else OTHER][code if code in VERDICTS else OTHER] += count
    return Period(first, last, reports, connections, {name: dict(counts) for name, counts in verdicts.items() if counts})


def percent(count: int, total: int) -> str:
    """A share that is there is never shown as none, nor one that is missing something as all."""
    if 0 < count < total * 0.001:
        return "<0.1%"
    if total * 0.999 < count < total:
        return ">99.9%"
    return f"{100 * count / total:.1f}%" if total else "–"


def bar(count: int, total: int) -> str:
    """How long the bar of a share is: what is there can be seen."""
    return f"{max(1.0, 100 * count / total):.1f}%" if count else "0%"


class Stats(Page):
    """`/stats`, with `?format=json` or for who accepts JSON alone the same figures as JSON."""

    needs_user = False
    styles = ("stats.css",)

    async def get(self) -> None:
        self.require_operator()
        counts = self.node.counts
        today = counts.day()
        firsts = [counts.day(days - 1) for days in PERIODS_DAYS]
        try:
            async with asyncio.timeout(READY_S):
                days = await counts.since(min(firsts))
        except (PyMongoError, TimeoutError) as error:
            raise Unavailable() from error
        periods = [period(days, first, today) for first in firsts]
        held = Counter(connection.transport for connection in self.node.connections)
        open_now = {transport: held[transport] for transport in TRANSPORTS}
        if self.wants_json():
            self.answer({"time": now_ms(), "open": open_now, "periods": [each.body() for each in periods]})
            return
        self.remember_language()
        self.render(
            "stats.html",
            open_now=open_now,
            periods=periods,
            name_of=lambda transport: self.locale.translate(NAMES[transport]),
            words_of=lambda code: self.locale.translate(VERDICTS[code].words if code in VERDICTS else OTHER_REASON),
            percent=percent,
            bar=bar,
        )

    def wants_json(self) -> bool:
        accepted = self.request.headers.get("Accept", "")
        return self.query("format") == "json" or ("application/json" in accepted and "text/html" not in accepted)
