"""What Anywire's speed is to be, and where the results of a run (bench/run.py) say what it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.fanout import median, ratio
from bench.peers import ANYWIRE, LONG_POLL, SSE, WEBSOCKET

Results = dict[str, Any]


@dataclass(frozen=True)
class Target:
    what: str
    unit: str
    figure: Callable[[Results], float | None]
    """None where the run didn't find it, or found a fault."""
    bound: float | None = None
    """None: it is only shown."""
    at_least: bool = False

    def is_met(self, results: Results) -> bool | None:
        """None without a bound."""
        if self.bound is None:
            return None
        figure = self.figure(results)
        return figure is not None and (figure >= self.bound if self.at_least else figure <= self.bound)


def times_floor(wire: str, receivers: int, how: str) -> Callable[[Results], float | None]:
    return lambda results: ratio(results["fanout"], ANYWIRE.name, wire, str(receivers), how, "closed", "cpu_us")


def at_thousand(how: str, phase: str, name: str, scale: float = 1.0) -> Callable[[Results], float | None]:
    def figure(results: Results) -> float | None:
        found = median(results["fanout"], ANYWIRE.name, WEBSOCKET, "1000", how, phase, name)
        return None if found is None else found * scale

    return figure


def connection(wire: str, name: str) -> Callable[[Results], float | None]:
    def figure(results: Results) -> float | None:
        return next((one.get(name) for one in results["connections"] if (one["server"], one["wire"]) == (ANYWIRE.name, wire)), None)

    return figure


def longest_pause(results: Results) -> float | None:
    """Of signals and durable messages the longer one."""
    found = [record.get("longest_ms") for record in results["pause"]]
    return None if not found or None in found else max(found)


def of(part: str, name: str) -> Callable[[Results], float | None]:
    return lambda results: results[part].get(name)


def publishing(driver: str, name: str) -> Callable[[Results], float | None]:
    return lambda results: results["publish"].get(driver, {}).get(name)


TARGETS = (
    Target("WebSocket, fan-out alone, 1,000 receivers", "× floor", times_floor(WEBSOCKET, 1_000, "signal"), 1.3),
    Target("WebSocket, fan-out alone, 5,000 receivers", "× floor", times_floor(WEBSOCKET, 5_000, "signal"), 1.25),
    Target("WebSocket, durable, 1,000 receivers", "× floor", times_floor(WEBSOCKET, 1_000, "durable"), 2.0),
    Target("WebSocket, durable, 5,000 receivers", "× floor", times_floor(WEBSOCKET, 5_000, "durable"), 1.45),
    Target("SSE, fan-out alone, 1,000 receivers", "× floor", times_floor(SSE, 1_000, "signal"), 1.3),
    Target("SSE, fan-out alone, 5,000 receivers", "× floor", times_floor(SSE, 5_000, "signal"), 1.25),
    Target("SSE, durable, 1,000 receivers", "× floor", times_floor(SSE, 1_000, "durable"), 2.0),
    Target("SSE, durable, 5,000 receivers", "× floor", times_floor(SSE, 5_000, "durable"), 1.45),
    Target("long-poll, durable, 1,000 receivers", "× floor", times_floor(LONG_POLL, 1_000, "durable"), 3.5),
    Target("long-poll, durable, 5,000 receivers", "× floor", times_floor(LONG_POLL, 5_000, "durable"), 3.0),
    Target(
        "burst of 32, fan-out alone, 1,000 receivers", "thousand deliveries/s", at_thousand("signal", "burst", "per_s", 1e-3), 1_000, True
    ),
    Target("burst of 32, durable, 1,000 receivers", "thousand deliveries/s", at_thousand("durable", "burst", "per_s", 1e-3), None, True),
    Target("longest pause while messages go to 5,000", "ms", longest_pause, 15),
    Target("memory of an idle connection: WebSocket", "KB", connection(WEBSOCKET, "keeping_kb"), 4),
    Target("memory of an idle connection: SSE", "KB", connection(SSE, "keeping_kb"), 4),
    Target("memory of an idle connection: held long-poll", "KB", connection(LONG_POLL, "keeping_kb"), 4),
    Target("to connect, shake hands and close: WebSocket", "µs of CPU", connection(WEBSOCKET, "making_us"), 200),
    Target("to connect, shake hands and close: SSE", "µs of CPU", connection(SSE, "making_us")),
    Target("durable publishes, one process, 512 at a time, PyMongo", "a second", publishing("pymongo", "per_s"), 30_000, True),
    Target("the median of these", "ms", publishing("pymongo", "median_ms"), 15),
    Target("the median with Motor", "ms", publishing("motor", "median_ms"), 20),
    Target("a lone commit with its change stream", "ms of CPU", of("commit", "cpu_ms"), 2),
    Target("publish to delivered to 1,000, ten a second, 99 %", "ms", at_thousand("durable", "paced", "p99_ms"), 12),
    Target("5,000 clients resume 100 messages each after a restart, 99 %", "ms", of("resume", "p99_ms"), 3000),
)
