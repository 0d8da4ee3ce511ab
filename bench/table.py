"""`python -m bench.table`: writes what the last run of the bench found into docs/performance.md, between its markers."""

import json
import sys
from pathlib import Path
from typing import Any

from bench.compiled import BUILD, ROOT
from bench.fanout import BURST_WINDOW, PACED_PER_S, median, ratio
from bench.peers import ALL, WIRES, Server
from bench.targets import TARGETS, Results

DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN = "<!-- made by python -m bench.table -->"
END = "<!-- end -->"
RECEIVERS = ("100", "1000", "5000")
HOWS = {"": "", "signal": ", signals", "durable": ", durable"}
TITLES = {"websocket": "WebSocket", "sse": "SSE", "long-poll": "Long-poll"}


def table(head: list[str], rows: list[list[str]], numbers_from: int = 1) -> str:
    lines = [head, ["---"] * numbers_from + ["---:"] * (len(head) - numbers_from), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def shown(value: float | None) -> str:
    """Three digits or so."""
    return "" if value is None else number(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def machine(results: Results) -> str:
    load = f"load average at the start {results['load']:.1f}"
    of = results["machine"]
    form = f"`make bench{'' if results['form'] == 'short' else '-long'}` on {results['date']}, {results['rounds']} rounds, {load}"
    parts = [of["CPU"], f"{of['cores']} cores", of["memory"], of["system"], f"kernel {of['kernel']}", of["compiler"]]
    versions = [f"{name} {results['versions'].get(name) or '–'}" for name in ("Python", "Node", "pymongo", "motor")]
    return f"{form}. {', '.join(parts)}. {', '.join(versions)}."


def targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        figure, met = target.figure(results), target.is_met(results)
        bound = "" if target.bound is None else f"{'≥' if target.at_least else '≤'} {target.bound:,g}"
        said = {None: "", True: "yes", False: "**no**"}[met]
        rows.append([target.what, target.unit, bound, shown(figure) or "**not measured**", said])
    return table(["what", "unit", "target", "seen", "met"], rows, 2)


def names(server: Server, how: str, versions: dict[str, str]) -> str:
    packages = ", ".join(f"{package} {versions.get(package, '?')}" for package in server.packages)
    return f"{server.name}{HOWS[how]}{f' ({packages})' if packages else ''}"


def faults(found: list[dict[str, Any]], server: Server, wire: str, how: str) -> str:
    """Each thing that went wrong, once."""
    records = [record for record in found if (record["server"], record["wire"]) == (server.name, wire)]
    said = [] if records else ["not run"]
    for record in records:
        said += [record[name] for name in ("absent", "error") if name in record]
        for receivers, cell in record.get("receivers", {}).items():
            for phase, figures in cell.get(how, {}).items():
                said += [f"{receivers}, {phase}: {figures['error']}"] if "error" in figures else []
    return "; ".join(dict.fromkeys(part.replace("|", "/").replace("\n", " ") for part in said))


def fan_out(results: Results, wire: str) -> str:
    found, rows = results["fanout"], []
    for server in ALL:
        for route in server.routes:
            for how in route.messages if route.wire == wire else ():
                at = (server.name, wire)
                costs: list[str] = []
                for receivers in RECEIVERS:
                    path = (receivers, how, "closed", "cpu_us")
                    costs += [number(median(found, *at, *path)), number(ratio(found, *at, *path), 2)]
                burst = median(found, *at, "1000", how, "burst", "per_s")
                paced = [number(median(found, *at, "1000", how, "paced", f"{name}_ms")) for name in ("p50", "p99")]
                order = ratio(found, *at, "1000", how, "closed", "cpu_us")
                row = [names(server, how, results["versions"]), *costs, number(burst and burst / 1000, 0), " / ".join(filter(None, paced))]
                rows.append((float("inf") if order is None else order, [*row, faults(found, server, wire, how)]))
    costs_head = [part for receivers in RECEIVERS for part in (f"µs, N={int(receivers):,}", "× floor")]
    head = ["server", *costs_head, f"burst of {BURST_WINDOW}, thousand/s", f"{PACED_PER_S} a second, p50 / p99 ms", "faults"]
    return table(head, [row for _, row in sorted(rows, key=lambda pair: pair[0])])


def connections(results: Results) -> str:
    rows = []
    for one in results["connections"]:
        costs = [number(one.get("making_us"), 0), number(one.get("keeping_kb"))]
        rows.append([one["server"], TITLES[one["wire"]], *costs, one.get("error", "")])
    return table(["server", "transport", "µs of CPU to make and end", "KB to keep idle", "faults"], rows, 2)


def text(results: Results) -> str:
    parts = [machine(results), "### Targets", targets(results)]
    for wire in WIRES:
        parts += [f"### {TITLES[wire]}", fan_out(results, wire)]
    return "\n\n".join([*parts, "### Connections", connections(results)])


def write(results: Results, document: Path = DOCUMENT) -> None:
    """Between the markers of *document*; the rest stays."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    document.write_text(f"{before}{BEGIN}\n\n{text(results)}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def main() -> None:
    results = BUILD / "results.json"
    if not results.exists():
        sys.exit("The bench has to run first: make bench.")
    write(json.loads(results.read_text()))


if __name__ == "__main__":
    main()
