"""Counts for the operator, in the form that Prometheus reads. docs/operating.md has a table of them.

What changes all the time is counted where it happens; what can be looked at is looked at when somebody asks (`gauged`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily

from handlers.room import Full
from negotiation.transports import TRANSPORTS
from protocol.codes import CODES, Refusal

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""A commit takes some 3 ms; after 5 s a publish is told to come again."""


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"anywire_{name}", meaning, labels, registry=registry)

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"anywire_{name}", meaning, labels, registry=registry)

        def histogram(name: str, meaning: str) -> Histogram:
            return Histogram(f"anywire_{name}_seconds", meaning, buckets=BUCKETS_S, registry=registry)

        self.connections = gauge("connections", "Open streams and held polls", "transport")
        self.connections_limit = gauge("connections_limit", "How many there may be; 0: as many as there are descriptors for")
        self.full = counter("connections_refused", "Connections and wires refused because there were as many as there may be")
        self.hellos = counter("hellos", "Streams that began, and answers to polls with a hello", "transport")
        self.subscriptions = gauge("subscriptions", "Channels that connections follow")
        self.behind = gauge("subscriptions_behind", "Those of them that are catching up")
        self.delivered = 0
        """Messages pushed to live connections since the start."""
        registry.register(_Deliveries(self))

        self.publish_s = histogram("publish", "From a publish to its receipt or refusal")
        self.waiting = gauge("publishes_waiting", "Publishes that wait for their receipt")
        self.commit_s = histogram("log_commit", "A commit to the log that succeeded")
        self.committed = counter("log_messages", "Messages stored by this process")
        self.commit_failures = counter("log_commit_failures", "Commits that failed and are tried again")
        self.refusing = gauge("log_refusing", "1 while nothing is taken, such as for lack of disk")
        self.mongodb_up = gauge("mongodb_up", "1 if MongoDB's primary answered when these figures were asked for")
        self.bus_s = histogram("bus_lag", "Age of another process's messages when they arrive, by both clocks")
        self.loop_s = gauge("loop_lag_seconds", "By how much the event loop is late, smoothed")

        self.refused = counter("refused", "Requests and commands refused", "code")
        self.verdicts = counter("verdicts", "What clients reported of their attempts", "transport", "verdict")
        for code in CODES:  # a counter that isn't there yet can't be seen to rise from 0
            self.refused.labels(code)
        for transport in TRANSPORTS:
            self.hellos.labels(transport)

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """While a publish waits for its receipt."""
        with self.waiting.track_inprogress(), self.publish_s.time():
            yield

    def refuse(self, error: Refusal) -> None:
        """A request was answered by *error*."""
        self.refused.labels(error.code).inc()
        if isinstance(error, Full):
            self.full.inc()

    def report(self, chosen: str | None, verdicts: set[tuple[str, str]]) -> None:
        """*verdicts* as by `named`; *chosen* may be anything."""
        if chosen in TRANSPORTS:
            self.verdicts.labels(chosen, "chosen").inc()
        for transport, code in verdicts:
            self.verdicts.labels(transport, code).inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _Deliveries:
    """A counter that the fan-out keeps as a plain integer, since it counts a million a second."""

    def __init__(self, metrics: Metrics):
        self._metrics = metrics

    def collect(self) -> Iterator[CounterMetricFamily]:
        meaning = "Messages pushed to live connections, counted for each receiver"
        yield CounterMetricFamily("anywire_deliveries", meaning, value=self._metrics.delivered)
