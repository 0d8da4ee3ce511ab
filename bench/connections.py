"""What a connection costs: to make it and to end it, and to keep it.

    .venv/bin/python -m bench.connections [--rounds 3] [--connections 3000]

Method: *Making* is TCP's handshake, the wire's own, the subscription to a channel, and the end, 32 at a time for a second;
CPU of all processes of the server per connection, the floor's beside it. *Keeping* is the growth of the memory of all
processes (what is shared divided among those that share it) from 500 idle subscribers to that many more, three times on
top of each other. A poll is held, and isn't made anew here: it has no handshake. Medians.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bench.fanout import faults, prepare
from bench.generator import Generator
from bench.peers import ANYWIRE, FLOOR, LONG_POLL, Route, Server
from bench.servers import Running

AT_ONCE = 32
CONNECT_S = 1.0
WARM = 500
"""Connections before the first look at the memory: what is loaded and allocated once is there then."""
STEPS = 3
"""A database takes some more memory when it likes; that falls into one of them."""
SETTLE_S = 0.7
STILL_KB = 256
STILL_READINGS = 3
MOST_READINGS = 10
"""A database gives memory back some seconds after its start; before that there is no telling what a connection took."""


def making_us(server: Server, route: Route, rounds: int) -> float:
    """µs of CPU for a connection. Raises RuntimeError if one fails."""
    with Running(server) as running, Generator(running.port, route) as generator:
        _checked(generator.connect(0.2, AT_ONCE))  # warm
        found = []
        for _ in range(rounds):
            cpu, left = running.cpu_s(), generator.idle(0)["left"]
            counted = _checked(generator.connect(CONNECT_S, AT_ONCE))
            found.append((running.cpu_s() - cpu) / (counted["left"] - left) * 1e6)
        return statistics.median(found)


def keeping_kb(server: Server, route: Route, connections: int) -> float:
    """KB for an idle connection. Raises RuntimeError if one fails."""
    with Running(server) as running, Generator(running.port, route) as generator:
        sizes = []
        for step in range(STEPS + 1):
            _checked(generator.open(WARM + step * connections))
            sizes.append(_still_kb(running))
        return statistics.median(after - before for before, after in pairwise(sizes)) / connections


def _still_kb(running: Running) -> int:
    """The memory of all processes, once it changes no more."""
    readings: list[int] = []
    while len(readings) < MOST_READINGS:
        time.sleep(SETTLE_S)
        readings.append(running.pss_kb())
        last = readings[-STILL_READINGS:]
        if len(last) == STILL_READINGS and max(last) - min(last) < STILL_KB:
            break
    return readings[-1]


def _checked(counted: dict[str, Any]) -> dict[str, Any]:
    if faults(counted):
        raise RuntimeError(faults(counted))
    return counted


def measure(rounds: int, connections: int) -> list[dict[str, Any]]:
    """server, wire, making_us (but for polls; the median of *rounds*) and keeping_kb (ours alone), or an error."""
    prepare()
    found = []
    for server in (FLOOR, ANYWIRE):
        for route in server.routes:
            if server is FLOOR and route.wire == LONG_POLL:
                continue
            record: dict[str, Any] = {"server": server.name, "wire": route.wire}
            try:
                if route.wire != LONG_POLL:
                    record["making_us"] = making_us(server, route, rounds)
                if server is ANYWIRE:
                    record["keeping_kb"] = keeping_kb(server, route, connections)
            except RuntimeError as error:
                record["error"] = str(error)
            found.append(record)
            print(said(record), flush=True)
    return found


def said(record: dict[str, Any]) -> str:
    figures = [
        f"{record[name]:7.1f} {unit}" for name, unit in (("making_us", "µs to make"), ("keeping_kb", "KB to keep")) if name in record
    ]
    return f"{record['server']:8} {record['wire']:10} {'  '.join([*figures, record.get('error', '')])}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=3000)
    given = parser.parse_args(arguments)
    measure(given.rounds, given.connections)


if __name__ == "__main__":
    main()
