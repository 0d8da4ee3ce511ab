"""What it costs that every process reads the whole log by its change stream: fan-in, for each process and for mongod.

    .venv/bin/python -m bench.fan_in                              some four minutes
    .venv/bin/python -m bench.fan_in --processes 1,4 --seconds 2

Method: one mongod, and N real servers without a client, each with its change stream. This process publishes straight into
the log by the clock, in three forms: `single`, 40 commits a second of one chunk with one message; `joined`, 20 of one chunk
with 20 messages; `wide`, 10 of 25 chunks with one message each, half of them in each of the log's two lanes. CPU of each
server and of mongod as the kernel accounts for it, less that of the same processes at rest for as long. A server counts in
`/metrics` what reached it, so a figure is only given if all did.

The model, fitted to what was seen of each form: a chunk costs each process the same, however many there are, and mongod
`alone + N × reader`. It is fitted to those N at which a commit reached all before the next one came. What the last table
says beyond the N of the first is the model's arithmetic, not a measurement.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from bench.listening import wait_for
from bench.processes import cpu_s, free_port, stop
from protocol.hub import Hub
from store.connect import Connection, connect
from store.feed import Feed
from store.log import Log
from store.meta import load_meta
from store.reader import Reader
from store.writer import Writer

ROOT = Path(__file__).resolve().parent.parent
DATA = b'{"text":"%s"}' % (b"x" * 189)
CHANNELS = 50
ARRIVE_S = 10.0
REST_S = 1.0
TRIES = 4
TOLERANCE = 0.02
"""A commit that takes two messages of the clock at once makes one chunk of them; more of that, and it is not the form that it says."""


class Form(NamedTuple):
    name: str
    commits_per_s: int
    chunks: int
    """In each commit, of as many channels."""
    messages: int
    """In each chunk."""


FORMS = (Form("single", 40, 1, 1), Form("joined", 20, 1, 20), Form("wide", 10, 25, 1))


class Seen(NamedTuple):
    """Of one form at one number of processes; CPU in µs for each chunk."""

    form: Form
    processes: int
    process_us: float
    mongod_us: float
    lag_ms: float
    """From the making of a message to its arrival, the mean of all processes."""
    rest_process: float
    rest_mongod: float
    """Share of a core that is used at rest."""

    @property
    def came_alone(self) -> bool:
        """Each commit had arrived well before the next one was made. Where it hadn't, several come by one answer of mongod's, which
        is cheaper for all, and says nothing about a single one."""
        return self.lag_ms < 1000 / self.form.commits_per_s / 2


class Fleet:
    """Servers on one mongod."""

    def __init__(self, uri: str, log: Path):
        self._uri = uri
        self._log = log.open("ab")
        self.ports: list[int] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def grow(self, to: int) -> None:
        while len(self.processes) < to:
            port = free_port()
            settings = {"PORT": str(port), "MONGODB_URI": self._uri, "MONGO_DRIVER": "pymongo"}
            environment = {**os.environ, **{f"ANYWIRE_{name}": value for name, value in settings.items()}}
            process = subprocess.Popen(
                [sys.executable, "server.py", "--follow-parent"], cwd=ROOT, env=environment, stdout=self._log, stderr=self._log
            )
            self.processes.append(process)
            self.ports.append(port)
            wait_for(port, process)

    def arrived(self) -> list[tuple[int, float]]:
        """Of each server: chunks that came by the bus, and the sum of their ages in seconds."""
        found = []
        for port in self.ports:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
            values = [float(re.search(rf"^anywire_bus_lag_seconds_{name} (\S+)$", text, re.M)[1]) for name in ("count", "sum")]
            found.append((int(values[0]), values[1]))
        return found

    def close(self) -> None:
        for process in self.processes:
            stop(process)
        self._log.close()


async def publish(log: Log, form: Form, seconds: float) -> int:
    """By the clock. Returns how many chunks' worth was published."""
    count = round(form.commits_per_s * seconds)
    begin_s = time.monotonic()
    waiting: list[asyncio.Future] = []
    user = {"id": "u_bench", "name": "bench"}
    for number in range(count):
        await asyncio.sleep(max(0.0, begin_s + number / form.commits_per_s - time.monotonic()))
        for chunk in range(number * form.chunks, (number + 1) * form.chunks):
            ids = [f"{begin_s}-{chunk}-{part}" for part in range(form.messages)]
            waiting += [asyncio.ensure_future(log.append(f"chat:room-{chunk % CHANNELS}", user, id, DATA)) for id in ids]
    await asyncio.gather(*waiting)
    return count * form.chunks


async def measure(fleet: Fleet, mongod: int, log: Log, form: Form, seconds: float) -> Seen:
    """Raises RuntimeError where something did not arrive."""
    pids = [process.pid for process in fleet.processes]
    before = await asyncio.to_thread(fleet.arrived)
    await asyncio.sleep(REST_S)
    at_rest, began_s = [cpu_s([pid]) for pid in (*pids, mongod)], time.monotonic()
    await asyncio.sleep(seconds)
    begun, rested_s = [cpu_s([pid]) for pid in (*pids, mongod)], time.monotonic() - began_s
    rest = [(after - first) / rested_s for first, after in zip(at_rest, begun, strict=True)]
    began_s = time.monotonic()
    count = await publish(log, form, seconds)
    await asyncio.sleep(REST_S / 2)
    used = [after - first for first, after in zip(begun, [cpu_s([pid]) for pid in (*pids, mongod)], strict=True)]
    took_s = time.monotonic() - began_s
    after = await asyncio.to_thread(fleet.arrived)
    chunks = [now[0] - then[0] for then, now in zip(before, after, strict=True)]
    if chunks and (len(set(chunks)) > 1 or not count * (1 - TOLERANCE) <= chunks[0] <= count):
        raise RuntimeError(f"{count} chunks were published, and {chunks} arrived")
    costs_us = [(cpu - share * took_s) / (chunks[0] if chunks else count) * 1e6 for cpu, share in zip(used, rest, strict=True)]
    lags = [(now[1] - then[1]) / (now[0] - then[0]) * 1e3 for then, now in zip(before, after, strict=True)]
    middle = [statistics.median(values) if values else 0.0 for values in (costs_us[:-1], lags, rest[:-1])]
    return Seen(form, len(pids), middle[0], costs_us[-1], middle[1], middle[2], rest[-1])


async def repeated(once: Callable[[], Awaitable[Seen]]) -> Seen:
    """Again where the machine stood still, and what should have come alone came together. Raises RuntimeError where it always does."""
    for _ in range(TRIES - 1):
        try:
            return await once()
        except RuntimeError as error:
            print(f"again: {error}", flush=True)
    return await once()


async def oplog_bytes(connection: Connection, log: Log, form: Form) -> float:
    """What a message takes in the oplog, which every secondary and every change stream reads."""
    oplog = connection.writer.local["oplog.rs"]

    async def size() -> int:
        found = await (await oplog.aggregate([{"$match": {"ns": f"{connection.database.name}.log"}}, {"$group": SIZES}])).to_list(1)
        return found[0]["size"] if found else 0

    before = await size()
    chunks = await publish(log, form, 1.0)
    return (await size() - before) / (chunks * form.messages)


SIZES = {"_id": None, "size": {"$sum": {"$bsonSize": "$$ROOT"}}}


class Model(NamedTuple):
    """Of one form, µs of CPU a chunk: of each process; of mongod alone; and of mongod for each process that reads it."""

    process: float
    alone: float
    reader: float

    @classmethod
    def fitted(cls, seen: list[Seen]) -> "Model":
        fitting = [s for s in seen if s.came_alone]
        if len({s.processes for s in fitting}) < 2:
            fitting = seen
        points = [(s.processes, s.mongod_us) for s in fitting]
        reader, alone = statistics.linear_regression(*zip(*points, strict=True))
        return cls(statistics.median(s.process_us for s in fitting if s.processes), alone, reader)


def show(seen: list[Seen], sizes: list[float]) -> None:
    heads = [
        "form",
        "processes",
        "µs a chunk, each process",
        "µs a chunk, mongod",
        "age on arrival, ms",
        "% of a core at rest: each, mongod",
    ]
    print(f"\n| {' | '.join(heads)} |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for s in seen:
        mine, age = (f"{s.process_us:.0f}", f"{s.lag_ms:.1f}") if s.processes else ("", "")
        rest = f"{100 * s.rest_process:.1f}, {100 * s.rest_mongod:.1f}"
        print(f"| {s.form.name} | {s.processes} | {mine} | {s.mongod_us:.0f} | {age} | {rest} |")
    print("\n| form | a process, µs a chunk | mongod alone, µs | mongod, µs for each reader | oplog, bytes a message |")
    print("| --- | ---: | ---: | ---: | ---: |")
    models = {form: Model.fitted([s for s in seen if s.form is form]) for form in FORMS}
    for (form, model), size in zip(models.items(), sizes, strict=True):
        print(f"| {form.name} | {model.process:.0f} | {model.alone:.0f} | {model.reader:.0f} | {size:.0f} |")
    columns = [f"{form.name}: {who}" for form in (FORMS[0], FORMS[2]) for who in ("each process", "mongod")]
    print(f"\n| chunks a second | processes | {' | '.join(columns)} |\n| ---: | ---: | ---: | ---: | ---: | ---: |")
    for chunks in (100, 1000, 3000):
        for processes in (2, 8, 32, 128):
            cores = [(m.process, m.alone + processes * m.reader) for m in (models[FORMS[0]], models[FORMS[2]])]
            print(f"| {chunks:,} | {processes} | {' | '.join(f'{chunks * us / 1e6:.2f}' for pair in cores for us in pair)} |")


async def run(numbers: list[int], seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="aw-", dir=".") as folder:
        connection = await connect(uri=None, data=Path(folder) / "data", driver="pymongo")
        meta = await load_meta(connection.database)
        reader = Reader(connection.database, meta.epoch)
        hub = Hub(meta.epoch, lambda channel: feed.fill(channel), time.monotonic, asyncio.get_running_loop().call_later)
        feed = Feed(reader, hub)
        log = Log(Writer(connection.database, reader, hub, b"fan_in"))
        fleet = Fleet(connection.embedded.uri, Path(folder) / "servers.log")
        seen: list[Seen] = []
        try:
            await publish(log, FORMS[0], 1.0)  # warm
            sizes = [await oplog_bytes(connection, log, form) for form in FORMS]
            for number in numbers:
                await asyncio.to_thread(fleet.grow, number)
                await publish(log, FORMS[0], 1.0)
                for form in FORMS:
                    seen.append(await repeated(lambda form=form: measure(fleet, connection.embedded.pid, log, form, seconds)))
                    print(f"{number} processes, {form.name}: {seen[-1].process_us:.0f} µs, mongod {seen[-1].mongod_us:.0f} µs", flush=True)
        finally:
            await asyncio.to_thread(fleet.close)
            await log.close()
            await connection.close()
    show(seen, sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", default="0,1,2,4,8,16")
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    asyncio.run(run([int(number) for number in given.processes.split(",")], given.seconds))


if __name__ == "__main__":
    main()
