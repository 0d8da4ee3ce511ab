"""Counts for the operator, in the form that Prometheus reads."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from negotiation.transports import TRANSPORTS


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = Gauge("anywire_connections", "Open connections and held polls", ["transport"], registry=self.registry)
        self.delivered = Gauge("anywire_delivered", "Messages pushed to live connections since the start", registry=self.registry)
        self.lag_s = Gauge("anywire_loop_lag_seconds", "By how much the event loop is late, smoothed", registry=self.registry)
        self.refused = Counter("anywire_refused", "Requests and commands refused", ["code"], registry=self.registry)
        self.publish_s = Histogram("anywire_publish_seconds", "From a publish to its receipt", registry=self.registry)
        self.verdicts = Counter(
            "anywire_verdicts", "What clients reported of their attempts", ["transport", "verdict"], registry=self.registry
        )

    def report(self, chosen: str | None, verdicts: set[tuple[str, str]]) -> None:
        """*verdicts* as by `named`; *chosen* may be anything."""
        if chosen in TRANSPORTS:
            self.verdicts.labels(chosen, "chosen").inc()
        for transport, code in verdicts:
            self.verdicts.labels(transport, code).inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)
