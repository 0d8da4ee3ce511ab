"""The loop doesn't wait for tasks: for how long it stands still while files are read, and how many rows a second are imported."""

import contextlib
import gc
import json
import secrets
import subprocess
import sys
import time

import pytest

from tests.handlers.inside import inside
from tests.handlers.talking import database_uri

GOAL_S = 0.05
FEW = b"name,age,city\n" + b"".join(b"Name %d,%d,City %d\n" % (i, i % 90, i % 100) for i in range(50_000))
MUCH = json.dumps({"records": [{"name": f"n{i}", "text": "x" * 260, "number": i * 1.5} for i in range(100_000)]}).encode()
ODD = {
    "a line without an end": (b"a,b\n1,2\n" + b"x" * 30_000_000, "text/csv", 2),
    "a quote that is never closed": (b'a,b\n"1,2\n' + b"3,4\n" * 30_000, "text/csv", 30_001),
    "a record of 30 MB": (b'[{"a":1},{"a":[' + b"{}," * 10_000_000 + b"0]}]", "application/json", 2),
    "a text of 30 MB": (b'[{"a":1},{"a":"' + b"\\n" * 15_000_000 + b'"}]', "application/json", 2),
}
CLIENT = """
import http.client, sys
body = sys.stdin.buffer.read()
sent = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=120)
sent.request("POST", "/v1/run/import?stream=true", body, {"Content-Type": sys.argv[2]})
answer = sent.getresponse()
print(sum(line.startswith(b'data: {"type":"item"') for line in answer))
"""
"""In a process of its own, so that it costs the server nothing of its time."""


@pytest.fixture(scope="module")
def running(server):
    gc.collect()
    gc.freeze()  # what the other tests left is not to be collected in the middle of these
    with inside(database_uri(server, secrets.token_hex(4))) as made:
        yield made
    gc.unfreeze()


def send(port: int, kind: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", CLIENT, str(port), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def measure(running, body: bytes, kind: str, rows: int, times: int = 1) -> tuple[float, float]:
    """The longest pause in seconds, and rows a second."""
    clients = [send(running.port, kind) for _ in range(times)]
    time.sleep(0.3)
    running.pauses.clear()
    began_s = time.monotonic()
    for client in clients:
        with contextlib.suppress(BrokenPipeError):
            client.stdin.write(body)
            client.stdin.close()
    for client in clients:
        assert int(client.stdout.read()) == rows
        client.wait()
    passed_s = time.monotonic() - began_s
    return max(running.pauses), times * rows / passed_s


@pytest.mark.parametrize(
    ("name", "body", "kind", "rows", "times"),
    [
        ("50,000 rows of CSV", FEW, "text/csv", 50_000, 1),
        ("30 MB of JSON", MUCH, "application/json", 100_000, 1),
        ("four times 20,000 rows at once", FEW[: FEW.index(b"Name 20000,")], "text/csv", 20_000, 4),
    ],
)
def test_the_loop_goes_on_during_an_import(running, name, body, kind, rows, times):
    pause_s, rate = measure(running, body, kind, rows, times)
    print(f"{name}: longest pause {pause_s * 1000:.1f} ms, {rate:.0f} rows/s")
    assert pause_s < GOAL_S


@pytest.mark.parametrize("name", ODD)
def test_the_loop_goes_on_whatever_is_in_a_file(running, name):
    pause_s, _ = measure(running, *ODD[name])
    print(f"{name}: longest pause {pause_s * 1000:.1f} ms")
    assert pause_s < GOAL_S
