"""How long everything else waits while a message goes to many: the longest answer to another connection's ping.

    .venv/bin/python -m bench.pause [--receivers 5000] [--seconds 4] [--rounds 3]

Method: a closed loop of one publisher to the receivers keeps the server in fan-outs. Meanwhile one more connection to the
same process sends a ping every 5 ms or so, the next when the last was answered. The kernel stamps the arrival of each answer
(socket(7), SO_TIMESTAMPNS), so that it doesn't matter when the busy client comes to read it. Signals and durable messages in
turns; of the rounds' longest waits the median counts, since now and then the machine itself stands still.
"""

import argparse
import socket
import statistics
import struct
import threading
import time
from itertools import chain
from typing import Any

from bench.fanout import faults, prepare
from bench.generator import Generator
from bench.peers import ANYWIRE, OURS
from bench.servers import Running

EVERY_S = 0.005
ANSWER_S = 10.0
CERTAIN_NS = 1_000_000
"""A ping whose sending took longer was interrupted by the load beside it, and nobody knows when it left."""
SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python has no name for it
PATH = "/v1/websocket?sub=chat:pause"
HANDSHAKE = (
    f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()


def frame(text: bytes) -> bytes:
    """A text frame of less than 126 bytes, masked with zeros (RFC 6455 section 5.3 wants a mask, not which)."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


PING = frame(b'{"type":"ping"}')
PONG = b'{"type":"ping"}'


class Pinger:
    """One connection that pings; its thread begins with start and ends with stop."""

    def __init__(self, port: int):
        self.waits_s: list[float] = []
        self._stopping = threading.Event()
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.sendall(HANDSHAKE)
        self._until(b'"subscribed"')
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            began_ns = time.time_ns()
            self._socket.sendall(PING)
            sent_ns = time.time_ns()
            arrived_ns = self._until(PONG)
            if sent_ns - began_ns < CERTAIN_NS:
                self.waits_s.append((arrived_ns - began_ns) / 1e9)

    def _until(self, text: bytes) -> int:
        """When the data that brought *text* had arrived, in ns."""
        seen = b""
        while True:
            data, ancillary, _, _ = self._socket.recvmsg(65536, 256)
            if not data:
                raise ConnectionError("the server ended the connection that pings")
            seen += data
            if text in seen:
                stamps = [value for level, kind, value in ancillary if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)]
                seconds, nanoseconds = struct.unpack("qq", stamps[0])
                return seconds * 1_000_000_000 + nanoseconds


def measure(receivers: int, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """What is published, the longest wait of each round, their median and the median wait, in ms; or an error."""
    prepare()
    waits: dict[str, list[list[float]]] = {how: [] for how in OURS.messages}
    errors: dict[str, str] = {}
    with Running(ANYWIRE) as running, Generator(running.port, OURS) as generator:
        for _ in range(rounds):
            for how, text in OURS.messages.items():
                generator.message(text)
                opened = generator.open(receivers)
                pinger = Pinger(running.port)
                time.sleep(0.5)
                pinger.start()
                counted = generator.closed(seconds, 1)
                pinger.stop()
                waits[how].append([1e3 * wait_s for wait_s in pinger.waits_s])
                if error := faults(opened) or faults(counted):
                    errors[how] = error
    found = []
    for how, of_rounds in waits.items():
        record: dict[str, Any] = {"how": how, "receivers": receivers}
        longest = [max(of_round) for of_round in of_rounds]
        record |= (
            {"error": errors[how]}
            if how in errors
            else {
                "longest_ms": statistics.median(longest),
                "longest_of_rounds_ms": longest,
                "median_ms": statistics.median(chain(*of_rounds)),
            }
        )
        found.append(record)
        print(f"{how:8} to {receivers}: {said(record)}", flush=True)
    return found


def said(record: dict[str, Any]) -> str:
    if "error" in record:
        return str(record["error"])
    of_rounds = ", ".join(f"{longest:.1f}" for longest in record["longest_of_rounds_ms"])
    return "longest {longest_ms:.1f} ms (of {of_rounds}), median {median_ms:.1f} ms".format(of_rounds=of_rounds, **record)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--receivers", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    measure(given.receivers, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
