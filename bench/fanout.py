"""What a delivery costs: one publisher, N receivers, the server on a core of its own and the load on another.

    .venv/bin/python -m bench.fanout                               Anywire and the floor, on all wires
    .venv/bin/python -m bench.fanout --only 'Anywire|picows' --wires websocket --receivers 1000 --rounds 5

Method: for each server and wire receivers are connected, up to each N in turn, and messages are published by a WebSocket of
its own

- in a closed loop: the next one when all receivers have the last one;
- at 1,000 receivers also with 32 on the way at a time (burst), and ten a second by the clock (paced), where latency counts
  from when a message was due.

CPU per delivery is that of all threads of all processes of the server, its database included, over the messages that
arrived. In the same round the floor (bench/c/floor.c) does the same with one send() for each receiver; what counts is the
ratio. Rounds are interleaved, and each begins with another server. Medians. A lost, doubled or reordered message makes the
figure an error.
"""

import argparse
import json
import os
import re
import resource
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench import processes
from bench.compiled import BUILD
from bench.generator import Generator
from bench.install import install
from bench.peers import ALL, ANYWIRE, FLOOR, WIRES, Route, Server
from bench.servers import Running

BURST_WINDOW = 32
PACED_PER_S = 10
MORE_AT = 1_000
"""Receivers at which the burst and the clock are tried, too."""
SETTLE_S = 0.3
UNSEEN_S = 2.0
"""For polls that are held from the first on: nobody sees when the last of them has arrived."""


@dataclass(frozen=True)
class Plan:
    receivers: Sequence[int] = (100, 1_000, 5_000)
    rounds: int = 3
    rounds_of_others: int = 3
    closed_s: float = 1.0
    burst_s: float = 1.0
    paced_s: float = 3.0


def faults(counted: dict[str, Any]) -> str:
    """What went wrong, in words; "" if nothing did."""
    names = ("failed", "dropped", "lost", "doubled", "out_of_order")
    found = [f"{counted[name]} {name.replace('_', ' ')}" for name in names if counted.get(name)]
    return ", ".join(found + [counted["reason"]] * bool(counted["reason"]))


def phase(running: Running, counted_by: Any, *arguments: float) -> dict[str, Any]:
    """What *counted_by*, a method of the generator, counts, and what the server's CPU says of it."""
    cpu = running.cpu_s()
    began = time.monotonic()
    counted = counted_by(*arguments)
    wall, cpu = time.monotonic() - began, running.cpu_s() - cpu
    error = faults(counted)
    if error or not counted["deliveries"]:
        return {"error": error or "nothing arrived"}
    return {
        "cpu_us": cpu / counted["deliveries"] * 1e6,
        "per_s": counted["deliveries"] / counted["seconds"],
        "busy": cpu / wall,
        "bytes": counted["bytes"] / counted["deliveries"],
        **{name: counted[name] for name in ("messages", "deliveries", "p50_ms", "p99_ms", "max_ms")},
    }


def measure(server: Server, route: Route, plan: Plan) -> dict[str, dict[str, Any]]:
    """One round: receivers → what is published → closed, burst, paced → figures."""
    found: dict[str, dict[str, Any]] = {}
    with Running(server) as running, Generator(running.port, route) as generator:
        for receivers in plan.receivers:
            if server.slow and receivers > MORE_AT:
                continue
            cell = found[str(receivers)] = {}
            for how, text in route.messages.items():
                generator.message(text)
                opened = generator.open(receivers)
                if faults(opened):
                    return found | {str(receivers): {how: {"closed": {"error": faults(opened)}}}}
                time.sleep(UNSEEN_S if route.validators else SETTLE_S)
                cell[how] = {"closed": phase(running, generator.closed, plan.closed_s, 1)}
                if receivers == MORE_AT and not server.slow:
                    cell[how]["burst"] = phase(running, generator.closed, plan.burst_s, BURST_WINDOW)
                    cell[how]["paced"] = phase(running, generator.paced, plan.paced_s, PACED_PER_S)
    return found


def run(entries: Sequence[tuple[Server, Route]], plan: Plan) -> list[dict[str, Any]]:
    """All rounds: server, wire, round and its figures. What can't be measured has an error; what isn't here says so."""
    prepare()
    absent = install()
    found: list[dict[str, Any]] = []
    for server, route in entries:
        if lacking := "; ".join(absent[source] for source in server.sources if absent[source]):
            found.append({"server": server.name, "wire": route.wire, "round": 0, "absent": lacking})
    entries = [entry for entry in entries if not any(absent[source] for source in entry[0].sources)]
    for number in range(plan.rounds):
        first = number * len(entries) // plan.rounds
        for server, route in [*entries[first:], *entries[:first]]:
            if number >= (plan.rounds if server in (ANYWIRE, FLOOR) else plan.rounds_of_others) or (server.slow and number):
                continue
            began = time.monotonic()
            record: dict[str, Any] = {"server": server.name, "wire": route.wire, "round": number}
            try:
                record["receivers"] = measure(server, route, plan)
            except (RuntimeError, OSError) as error:
                record["error"] = str(error)
            found.append(record)
            print(f"round {number + 1}  {server.name:26} {route.wire:10} {said(record)}   {time.monotonic() - began:.1f} s", flush=True)
    return found


def said(record: dict[str, Any]) -> str:
    """A round in a line: µs per delivery in the closed loops."""
    if "error" in record:
        return str(record["error"])
    cells = [(receivers, how, cell["closed"]) for receivers, hows in record["receivers"].items() for how, cell in hows.items()]
    return "  ".join(f"{receivers}{how[:1]}: {cell.get('error') or round(cell['cpu_us'], 1)}" for receivers, how, cell in cells)


def prepare() -> None:
    """Raises the limit of open files as far as may be, for those that inherit it; and leaves the server's core to the server.
    Raises SystemExit where there is one core alone."""
    if len(processes.ALLOWED) < 2:
        raise SystemExit("The bench needs two cores: one for the server, one for the load.")
    os.sched_setaffinity(0, {processes.cores()[1]})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def values(found: Iterable[dict[str, Any]], server: str, wire: str, *path: str) -> dict[int, float]:
    """Round → the figure at *path* (receivers, how, phase, name); none at all if a round lacks it, for a fault isn't averaged away."""
    taken: dict[int, float] = {}
    for record in found:
        if (record["server"], record["wire"]) != (server, wire):
            continue
        value: Any = record.get("receivers")
        for name in path:
            value = value.get(name) if value else None
        if value is None:
            return {}
        taken[record["round"]] = value
    return taken


def median(found: Iterable[dict[str, Any]], server: str, wire: str, *path: str) -> float | None:
    taken = values(found, server, wire, *path)
    return statistics.median(taken.values()) if taken else None


def ratio(found: Sequence[dict[str, Any]], server: str, wire: str, *path: str) -> float | None:
    """The median, over rounds, of the figure over the floor's in the same round."""
    mine = values(found, server, wire, *path)
    floor = values(found, FLOOR.name, wire, path[0], "", *path[2:])
    ratios = [mine[number] / floor[number] for number in mine.keys() & floor.keys()]
    return statistics.median(ratios) if ratios else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=f"^({ANYWIRE.name})$", help="an expression for the names of servers; the floor is always there")
    parser.add_argument("--wires", default=",".join(WIRES))
    parser.add_argument("--receivers", default="100,1000,5000")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    plan = Plan([int(number) for number in given.receivers.split(",")], given.rounds, given.rounds)
    wires = given.wires.split(",")
    servers = [server for server in ALL if server is FLOOR or re.search(given.only, server.name)]
    entries = [(server, route) for server in servers for route in server.routes if route.wire in wires]
    print(f"load average {os.getloadavg()[0]:.1f}: the quieter the machine, the truer the figures")
    found = run(entries, plan)
    for server, route in entries:
        for how in route.messages:
            for receivers in plan.receivers:
                path = (str(receivers), how, "closed", "cpu_us")
                cpu, times = median(found, server.name, route.wire, *path), ratio(found, server.name, route.wire, *path)
                if cpu is not None:
                    print(f"{server.name:26} {route.wire:10} {how:8} N={receivers:5} {cpu:7.2f} µs a delivery, {times or 0:5.2f} × floor")
    (BUILD / "fanout.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
