"""Processes on a core of their own, and what they and their children cost: CPU seconds and memory."""

import os
import random
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

Process = subprocess.Popen[str]
STOP_S = 2.0
NS = 1e9
ALLOWED = sorted(os.sched_getaffinity(0))
"""Before anything is pinned."""


def cores() -> tuple[int, int]:
    """The server's core and the load's; the same where there is one alone."""
    return ALLOWED[0], ALLOWED[-1]


def on(core: int) -> Callable[[], None]:
    """For Popen's preexec_fn: the process, its threads and its children are on *core*."""
    return lambda: os.sched_setaffinity(0, {core})


def on_all_cores() -> None:
    """For Popen's preexec_fn, where this process has pinned itself to the load's core."""
    os.sched_setaffinity(0, ALLOWED)


def spawn(command: Sequence[str], core: int, environment: dict[str, str], log: IO[str]) -> Process:
    """A server on *core*; what it prints goes to *log*."""
    log.write(f"$ {' '.join(command)}\n")
    log.flush()
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=on(core),
    )


def free_port() -> int:
    """Below those that clients are given: a closed connection can't sit on it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def tree(pid: int) -> list[int]:
    """*pid* and all that descends from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):  # that thread has ended
                found.extend(int(child) for child in children.read_text().split())
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds on a core of all threads of *pids*; the first field of schedstat is in ns (kernel: Documentation/scheduler)."""
    total = 0
    for pid in pids:
        for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):  # as above
                total += int(schedstat.read_text().split()[0])
    return total / NS


def pss_kb(pids: Iterable[int]) -> int:
    """Memory in KB, what is shared divided among those that share it (proc(5), smaps_rollup)."""
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def stop(process: Process) -> None:
    """SIGTERM, then SIGKILL to it and its children."""
    pids = tree(process.pid) if process.poll() is None else []
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with suppress(ProcessLookupError):  # it has ended
                os.kill(pid, number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            continue
        pids = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
