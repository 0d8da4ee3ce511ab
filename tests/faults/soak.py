"""Publishers and followers over all four wires, cut at random, while server and MongoDB are killed under them.

    .venv/bin/python -m tests.faults.soak                        10,000 messages, 20 publishers, kill -9 of the server
                                                                 three times and of mongod twice
    .venv/bin/python -m tests.faults.soak --messages 1000 --server-kills 1 --mongod-kills 1

Ends with a summary, or with the first violation of the contract.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import time
from collections import Counter

from tests.faults.clients import WIRES, Follower, Publisher, Violation, Visitor
from tests.running import Server

CHANNELS = [f"chat:room-{number}" for number in range(4)]
QUIET_S = 60.0
"""How long the followers may take to have everything after the last acknowledgement."""


class Cutter:
    """A TCP proxy on the clients' way to the server: cuts connections at random, some with a reset in mid-stream."""

    def __init__(self, port: int, chance: random.Random):
        self._target = port
        self._chance = chance
        self._writers: set[asyncio.StreamWriter] = set()
        self.cuts = 0

    async def start(self) -> "Cutter":
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def cut_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.02, 0.2))
            if self._writers:
                self._chance.choice(list(self._writers)).transport.abort()
                self.cuts += 1

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        up = None
        try:
            up_reader, up = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(_pass(reader, up), _pass(up_reader, writer))
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            for end in (writer, up):
                if end is not None:
                    end.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def soak(server: Server, *, messages: int, publishers: int, followers: int, server_kills: int, mongod_kills: int, seed: int) -> dict:
    """Runs it all and returns what happened. Raises Violation."""
    chance = random.Random(seed)
    # connections that are cut on purpose end in exceptions that nobody waits for
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    logging.getLogger("tornado").setLevel(logging.CRITICAL)
    cutter = await Cutter(server.port, chance).start()
    url = f"http://127.0.0.1:{cutter.port}"
    pause_s = 0.02 if messages >= 5000 else 0.01
    senders = [
        Publisher([url], f"p{number}", CHANNELS[number % len(CHANNELS)], messages // publishers, random.Random(f"{seed}-{number}"), pause_s)
        for number in range(publishers)
    ]
    readers = [Follower([url], CHANNELS, random.Random(f"{seed}-f{number}")) for number in range(followers)]
    began = time.monotonic()
    following = [asyncio.ensure_future(reader.follow()) for reader in readers]
    sending = [asyncio.ensure_future(sender.publish()) for sender in senders]
    helping = [asyncio.ensure_future(cutter.cut_now_and_then())]
    kills = ["server"] * server_kills + ["mongod"] * mongod_kills
    chance.shuffle(kills)
    fell_at = []
    for number, victim in enumerate(kills, 1):
        due = messages * number // (len(kills) + 1)
        while (acknowledged := sum(len(sender.receipts) for sender in senders)) < due:
            _raise_first(following + sending)
            await asyncio.sleep(0.005)
        in_flight = sum(sender.in_flight for sender in senders)
        if not 0 < acknowledged < messages or not in_flight:
            raise Violation(f"the kill of {victim} fell outside the load: {acknowledged} acknowledged, {in_flight} in flight")
        fell_at.append((victim, acknowledged, in_flight))
        if victim == "server":
            server.kill()
            await asyncio.to_thread(server.start)
        else:
            os.kill(await _mongod_pid(server), signal.SIGKILL)
    await _finish(sending, following, 120)
    published_s = time.monotonic() - began
    expected = Counter(dict.fromkeys(CHANNELS, 0))
    for sender in senders:
        expected[sender.channel] += len(sender.receipts)
    deadline = time.monotonic() + QUIET_S
    while any(len(reader.messages[channel]) < expected[channel] for reader in readers for channel in CHANNELS):
        _raise_first(following)
        if time.monotonic() > deadline:
            raise Violation(f"still missing: {[{c: len(m) for c, m in reader.messages.items()} for reader in readers]} of {expected}")
        await asyncio.sleep(0.02)
    for task in (*following, *helping):
        task.cancel()
    await asyncio.gather(*following, *helping, return_exceptions=True)
    for channel in CHANNELS:
        log = await _history(server, channel)
        _check_log(channel, log, senders)
        for reader in readers:
            if reader.messages[channel] != log:
                raise Violation(f"a follower of {channel} saw something else than the log holds")
    return {
        "messages": sum(expected.values()),
        "seconds": round(published_s, 1),
        "kills (who, acknowledged before, in flight)": fell_at,
        "connections cut": cutter.cuts,
        "attachments": {wire: sum(reader.attached[wire] for reader in readers) for wire in WIRES},
        "published by": dict(sum((Counter(sender.sent_by) for sender in senders), Counter())),
        "acknowledged as duplicates": sum(receipt["duplicate"] for sender in senders for receipt in sender.receipts),
    }


def _check_log(channel: str, log: list[dict], senders: list[Publisher]) -> None:
    """Every acknowledged message is there once, at the offset of its receipt, in the order in which it was sent."""
    if [event["offset"] for event in log] != list(range(1, len(log) + 1)):
        raise Violation(f"{channel} has a gap")
    by_id = {event["id"]: event for event in log}
    receipts = [receipt for sender in senders if sender.channel == channel for receipt in sender.receipts]
    if len(by_id) != len(log) or len(log) != len(receipts):
        raise Violation(f"{channel}: {len(log)} stored, {len(by_id)} ids, {len(receipts)} acknowledged")
    for receipt in receipts:
        event = by_id[receipt["id"]]
        if (event["offset"], event["data"]) != (receipt["offset"], receipt["data"]):
            raise Violation(f"{receipt} was acknowledged, {event} is stored")
    for sender in senders:
        offsets = [receipt["offset"] for receipt in sender.receipts]
        if offsets != sorted(offsets):
            raise Violation(f"{channel}: a publisher's messages are out of order")


async def _history(server: Server, channel: str) -> list[dict]:
    visitor = Visitor(server.url)
    events: list[dict] = []
    before, more = "", True
    while more:
        answer = json.loads((await visitor.http.fetch(f"{server.url}/v1/history?channel={channel}&limit=1000{before}")).body)
        events = answer["messages"] + events
        more = answer["more"]
        before = f"&before={events[0]['position']}" if events else ""
    return events


async def _mongod_pid(server: Server) -> int:
    async with asyncio.timeout(20):
        while True:
            pid = server.mongod_pid
            if os.path.exists(f"/proc/{pid}"):
                return pid
            await asyncio.sleep(0.05)


async def _finish(sending: list, following: list, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not all(task.done() for task in sending):
        _raise_first(following + sending)
        if time.monotonic() > deadline:
            raise Violation("the publishers did not finish")
        await asyncio.sleep(0.02)
    _raise_first(sending)


def _raise_first(tasks: list) -> None:
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is not None:
            raise task.exception()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("messages", 10_000),
        ("publishers", 20),
        ("followers", 8),
        ("server-kills", 3),
        ("mongod-kills", 2),
        ("seed", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = vars(parser.parse_args())
    server = Server(hold_s=2, heartbeat_s=1, poll_s=0.1, catch_up_bytes_per_s=0).start()
    try:
        for name, value in asyncio.run(soak(server, **given)).items():
            print(f"{name}: {value}")
    finally:
        server.close()
    print("every acknowledged message reached every follower once and in order")


if __name__ == "__main__":
    main()
