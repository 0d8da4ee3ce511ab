"""The whole bench: every measure of this folder, and the tables in docs/performance.md.

    make bench          the short form, some ten minutes
    make bench-long     more rounds, all sizes for all servers

The results go to build/bench/results.json.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import commit, connections, fanout, pause, resume
from bench.compiled import BUILD, ROOT, program
from bench.fanout import Plan
from bench.install import install
from bench.machine import machine, versions
from bench.peers import ALL
from bench.processes import on_all_cores
from bench.table import write

RESULTS = BUILD / "results.json"
QUIET = 0.5


@dataclass(frozen=True)
class Form:
    plan: Plan
    connection_rounds: int
    commit_rounds: int
    pause_s: float
    publish_s: float


FORMS = {
    "short": Form(Plan(rounds_of_others=1, closed_s=0.8, burst_s=0.8, paced_s=2.0), 3, 2, 2.0, 4.0),
    "long": Form(Plan(rounds=5, rounds_of_others=3, closed_s=2.0, burst_s=2.0, paced_s=5.0), 10, 5, 10.0, 10.0),
}


SAID: dict[str, Callable[[Any], str]] = {"commit": commit.said, "resume": resume.said}
"""The other parts say what they find as they find it."""


def publish(seconds: float) -> dict[str, dict[str, float]]:
    """Driver → what bench/publish.py prints of it."""
    command = [sys.executable, "-m", "bench.publish", "--seconds", str(seconds)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, preexec_fn=on_all_cores).stdout
    print(printed, end="", flush=True)
    found = re.findall(r"^(\w+) +([\d.]+) messages/s +median +([\d.]+) ms +p99 +([\d.]+) ms", printed, re.M)
    return {driver: {"per_s": float(per_s), "median_ms": float(median), "p99_ms": float(p99)} for driver, per_s, median, p99 in found}


def measure(form: Form) -> dict[str, Any]:
    """Each part and what it found, {"error": …} or [] where it failed as a whole."""
    entries = [(server, route) for server in ALL for route in server.routes]
    parts: dict[str, Callable[[], Any]] = {
        "fanout": lambda: fanout.run(entries, form.plan),
        "connections": lambda: connections.measure(form.connection_rounds, 3_000),
        "pause": lambda: pause.measure(5_000, form.pause_s, 3),
        "commit": lambda: commit.measure(4.0, 20.0, form.commit_rounds),
        "resume": lambda: resume.measure(5_000, 100, 3),
        "publish": lambda: publish(form.publish_s),
    }
    found = {}
    for name, part in parts.items():
        print(f"-- {name}", flush=True)
        found[name] = part()
        if name in SAID:
            print(SAID[name](found[name]), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=FORMS, default="short")
    given = parser.parse_args()
    program("generator")  # says at once where there is no compiler
    install()
    load = os.getloadavg()[0]
    if load > QUIET:
        print(f"The load average is {load:.1f}: the machine isn't quiet, and the figures won't be true.", file=sys.stderr)
    began = time.monotonic()
    results = {
        "date": datetime.date.today().isoformat(),
        "form": given.form,
        "rounds": FORMS[given.form].plan.rounds,
        "load": load,
        "machine": machine(),
        "versions": versions(),
        **measure(FORMS[given.form]),
    }
    RESULTS.write_text(json.dumps(results, indent=1))
    write(results)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes; the tables are in docs/performance.md")


if __name__ == "__main__":
    main()
