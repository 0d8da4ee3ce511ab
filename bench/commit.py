"""What one lone commit costs: a message that shares it with no other, with the change stream running.

    .venv/bin/python -m bench.commit [--seconds 5] [--per-s 20] [--rounds 3]

Method: one client publishes by the clock and one receives, both by WebSocket, so each message has a commit to itself. CPU of
all processes, MongoDB's included, less that of an idle server for as long, over the messages. The latency is that of the
delivery, which comes after the commit. Medians.
"""

import argparse
import statistics
import time
from typing import Any

from bench.fanout import faults, prepare
from bench.generator import Generator
from bench.peers import ANYWIRE, OURS
from bench.servers import Running


def measure(seconds: float, per_s: float, rounds: int) -> dict[str, Any]:
    """CPU in ms, and the delivery's median and 99th percentile in ms; or an error."""
    prepare()
    found = []
    with Running(ANYWIRE) as running, Generator(running.port, OURS, OURS.messages["durable"]) as generator:
        generator.open(1)
        generator.paced(1, per_s)  # warm
        for _ in range(rounds):
            time.sleep(0.3)
            began = running.cpu_s()
            generator.idle(seconds)
            idled = running.cpu_s()
            counted = generator.paced(seconds, per_s)
            cpu = (running.cpu_s() - idled) - (idled - began)
            if error := faults(counted):
                return {"error": error}
            found.append({"cpu_ms": cpu / counted["messages"] * 1e3, "p50_ms": counted["p50_ms"], "p99_ms": counted["p99_ms"]})
    return {name: statistics.median(record[name] for record in found) for name in found[0]}


def said(record: dict[str, Any]) -> str:
    return record.get("error") or "{cpu_ms:.2f} ms of CPU, delivered after {p50_ms:.1f} ms (median), {p99_ms:.1f} (99 %)".format(**record)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--per-s", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(said(measure(given.seconds, given.per_s, given.rounds)))


if __name__ == "__main__":
    main()
