"""Everybody comes back at once: a server is killed and started again, and each client gets what it has missed.

    .venv/bin/python -m bench.resume [--clients 5000] [--messages 100] [--rounds 3]

Method: messages are published, the server is ended by force and started again on the same port, so that it has nothing of
them in memory. Once it answers, all clients connect at once, by WebSocket, each with a position that many messages ago. The
time runs, for all, from when the first begins to connect, until the client has its last message; each message has to come to
each client once and in order. A client that is refused comes again a second later. The round with the median of the times.
"""

import argparse
import json
import time
import urllib.request
from dataclasses import replace
from typing import Any

from bench.fanout import faults, prepare
from bench.generator import Generator
from bench.peers import ANYWIRE, OURS, PAD
from bench.servers import Running


def publish(port: int, messages: int) -> str:
    """Stores the numbers 1 to *messages*, 100 at most, in chat:r; the position before the first."""
    body = {"messages": [{"channel": "chat:r", "data": {"text": f"~{number}~{PAD}"}} for number in range(1, messages + 1)]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/publish", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        first = json.load(response)["results"][0]
    epoch, _, offset = first["position"].rpartition("-")
    return f"{epoch}-{int(offset) - 1}"


def once(clients: int, messages: int) -> dict[str, Any]:
    """A server's start and the times to a client's last message in ms: half of the clients', 99 % of them, the last one's; or an error."""
    record: dict[str, Any] = {"clients": clients, "messages": messages}
    with Running(ANYWIRE) as running:
        position = publish(running.port, messages)
        began_s = time.monotonic()
        running.kill_and_start_again()
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/readyz", timeout=30):
            record["start_ms"] = (time.monotonic() - began_s) * 1e3
        with Generator(running.port, replace(OURS, path=f"/v1/websocket?sub=chat:r@{position}")) as generator:
            counted = generator.resume(clients, messages)
    record["refused"] = counted["failed"] + counted["dropped"]
    if error := faults(counted | {"failed": 0, "dropped": 0, "reason": ""}):
        return record | {"error": error}
    return record | {name: counted[name] for name in ("p50_ms", "p99_ms", "max_ms", "deliveries")}


def measure(clients: int, messages: int, rounds: int) -> dict[str, Any]:
    """The median of so many rounds, by what 99 % of the clients waited; or the first error."""
    prepare()
    found = [once(clients, messages) for _ in range(rounds)]
    failed = [record for record in found if "error" in record]
    return failed[0] if failed else sorted(found, key=lambda record: record["p99_ms"])[rounds // 2]


def said(record: dict[str, Any]) -> str:
    if "error" in record:
        return str(record["error"])
    return (
        "up again after {start_ms:.0f} ms; {clients} clients, {messages} messages each: half have them after {p50_ms:.0f} ms, "
        "99 % after {p99_ms:.0f}, all after {max_ms:.0f}; none lost; {refused} refusals".format(**record)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(said(measure(given.clients, given.messages, given.rounds)))


if __name__ == "__main__":
    main()
