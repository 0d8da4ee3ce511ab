"""A script that counts to a million in ten seconds: pages get a few states a second, the last one always; a killed one is stalled."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.clients import WIRES, Visitor

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys, time
from anywire_progress import Progress

job = Progress(range(1_000_000), title="A million", unit="rows", url=sys.argv[1])
while job.id is None:
    time.sleep(0.01)
print(job.id, flush=True)
started_s = time.monotonic()
for number in job:
    if number % 10_000 == 0:
        time.sleep(max(0, started_s + number / 100_000 - time.monotonic()))
"""
MAX_STATES = 250
REFRESH_S = 0.3


def start(url):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "progress")}
    script = subprocess.Popen([sys.executable, "-c", SCRIPT, url], env=environment, stdout=subprocess.PIPE, text=True)
    return script, script.stdout.readline().strip()


async def states(visitor, wire, job, until):
    """What *wire* brings of the job until a state that *until* is true for."""
    seen = []
    async for event in visitor.events(wire, {"sub": f"job:{job}"}):
        if event["type"] == "state":
            seen.append(event)
            if until(event["data"]):
                return seen
    raise AssertionError(f"{wire} ended after {len(seen)} states")


@pytest.mark.gen_test(timeout=40)
async def test_a_million_updates(server):
    script, job = start(server.url)
    try:
        following = [asyncio.ensure_future(states(Visitor(server.url), wire, job, lambda data: data["state"] == "done")) for wire in WIRES]
        await asyncio.sleep(5)
        asked_s = time.monotonic()
        (fresh,) = await states(Visitor(server.url), "websocket", job, lambda data: True)
        took_s = time.monotonic() - asked_s
        assert took_s < REFRESH_S and 20 < fresh["data"]["percent"] < 90
        assert 50_000 < fresh["data"]["rate"] < 200_000 and 0 < fresh["data"]["eta"] < 20
        for wire, seen in zip(WIRES, await asyncio.gather(*following), strict=True):
            assert len(seen) <= MAX_STATES, wire
            last = seen[-1]["data"]
            assert (last["state"], last["done"], last["percent"]) == ("done", 1_000_000, 100), wire
            offsets = [event["offset"] for event in seen]
            assert offsets == sorted(set(offsets))
            percents = [event["data"]["percent"] for event in seen]
            assert percents == sorted(percents)
        assert script.wait(10) == 0
    finally:
        script.kill()
        script.wait()


@pytest.mark.gen_test(timeout=40)
async def test_a_killed_script_is_stalled(start_server):
    server = start_server(job_stalled_s=2)
    script, job = start(server.url)
    try:
        await states(Visitor(server.url), "sse", job, lambda data: data["done"] > 1000)
    finally:
        script.kill()
        script.wait()
    killed_s = time.monotonic()
    (*_, last) = await states(Visitor(server.url), "sse", job, lambda data: data["state"] == "stalled")
    assert 1.5 < time.monotonic() - killed_s < 5
    assert last["data"]["rate"] is None and last["data"]["eta"] is None
