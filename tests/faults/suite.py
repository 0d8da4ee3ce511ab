"""Servers, MongoDB and the network broken at random under hundreds of clients: nobody misses a message, or gets one twice.

    .venv/bin/python -m tests.faults.suite                      500 clients, 20 minutes (`make soak`)
    .venv/bin/python -m tests.faults.suite --minutes 1 --seed 7

Clients follow over all four wires, from the oldest message, the newest, or some before it, and go to the other server when theirs
fails. Publishers send 200 messages a second, each until it is acknowledged. At the end each client has exactly the log from where it
began, every acknowledged message is in it once, where its receipt says, and no offset is missing. The seed decides which faults
come in which order, and what clients do; how these meet is a matter of time, so a failed run is repeated more than once.
"""

import argparse
import asyncio
import logging
import random
import resource
import time
from collections import Counter
from collections.abc import Callable

from tests.faults.clients import WIRES, Follower, Publisher, Violation
from tests.faults.inflict import Faults, Servers
from tests.faults.proxy import Proxies
from tests.faults.replica_set import ReplicaSet
from tests.faults.soak import _check_log, _history, _raise_first

PUBLISHERS = 20
RATE = 200
"""Messages a second, of all publishers together, while nothing is broken."""
CHANNELS_EACH = 2
FOLLOWERS_PER_CHANNEL = 10
STARTS = ("0", "", "-5")
MARGIN_S = 120.0
"""The last faults may take so much longer: there is something to send until they are over."""
FINISH_S = 60.0
"""How long what is left may take once nothing is broken any more."""
SETTINGS = {"hold_s": 5, "heartbeat_s": 1, "poll_s": 0.5, "catch_up_bytes_per_s": 0, "drain_s": 0.5}


def run(
    *,
    clients: int,
    seconds: float,
    seed: int,
    servers: int = 2,
    pause_s: tuple[float, float],
    say: Callable[[str], None],
    **settings: object,
) -> dict:
    """Starts everything, runs it, and returns what happened. Raises Violation."""
    proxies = Proxies()
    mongo = ReplicaSet(proxies)
    chance = random.Random(seed)
    try:
        mongo.start()
        started = Servers(servers, proxies, mongodb_uri=mongo.uri(), **SETTINGS, **settings)
        try:
            faults = Faults(started, mongo, proxies, random.Random(f"{seed}-faults"), say)
            happened = asyncio.run(_suite(started, mongo, faults, clients, seconds, chance, pause_s))
            wrong = [line for server in started.all for line in server.tracebacks()]
            if wrong:
                raise Violation(f"a server's log has {wrong[:5]}")
            return happened
        finally:
            started.close()
    finally:
        mongo.close()
        proxies.close()


async def _suite(
    servers: Servers, mongo: ReplicaSet, faults: Faults, clients: int, seconds: float, chance: random.Random, pause_s: tuple[float, float]
) -> dict:
    # connections that are cut on purpose end in exceptions that nobody waits for
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    logging.getLogger("tornado").setLevel(logging.CRITICAL)
    channels = [f"chat:room-{number}" for number in range(max(CHANNELS_EACH, clients * CHANNELS_EACH // FOLLOWERS_PER_CHANNEL))]
    # some wire for each message: a publisher has a channel of its own, so that the order in it is its own
    senders = [
        Publisher(
            servers.urls,
            f"p{n}",
            channels[n % len(channels)],
            round(RATE * (seconds + MARGIN_S) / PUBLISHERS),
            _of(chance),
            PUBLISHERS / RATE,
        )
        for n in range(PUBLISHERS)
    ]
    busy = [sender.channel for sender in senders]
    readers = [
        Follower(servers.urls, _some(busy, channels, chance), _of(chance), start=STARTS[n % len(STARTS)], stay_s=(0.5, 6.0))
        for n in range(clients)
    ]
    following = [asyncio.ensure_future(reader.follow()) for reader in readers]
    sending = [asyncio.ensure_future(sender.publish()) for sender in senders]
    try:
        inflicting = asyncio.ensure_future(asyncio.to_thread(faults.run, seconds, pause_s))
        while not inflicting.done():
            _raise_first(following + sending)
            await asyncio.sleep(0.05)
        await inflicting
        await asyncio.to_thread(mongo.heal)
        for sender in senders:
            sender.finish()
        healed_s = time.monotonic()
        await _until(lambda: all(task.done() for task in sending), following + sending, "the publishers are not done")
        heads = {**dict.fromkeys(channels, 0), **Counter(sender.channel for sender in senders for _ in sender.receipts)}
        await _until(
            lambda: all(reader.offsets.get(channel, -1) >= heads[channel] for reader in readers for channel in reader.messages),
            following,
            "some followers don't have everything",
        )
        whole_s = time.monotonic() - healed_s
        _raise_first(sending)
    finally:
        faults.stopped = True
        for task in (*following, *sending):
            task.cancel()
        await asyncio.gather(*following, *sending, return_exceptions=True)
    for channel in dict.fromkeys(busy):
        log = await _history(servers.all[0], channel)
        _check_log(channel, log, senders)
        for reader in readers:
            if channel in reader.messages:
                seen = reader.messages[channel]
                if seen != log[len(log) - len(seen) :] or (reader.began_with == "0" and len(seen) != len(log)):
                    raise Violation(f"a follower of {channel} saw something else than the log holds")
    return {
        "messages": sum(heads.values()),
        "deliveries": sum(len(messages) for reader in readers for messages in reader.messages.values()),
        "attachments": {wire: sum(reader.attached[wire] for reader in readers) for wire in WIRES},
        "published by": dict(sum((Counter(sender.sent_by) for sender in senders), Counter())),
        "acknowledged as duplicates": sum(receipt["duplicate"] for sender in senders for receipt in sender.receipts),
        "faults": faults.count,
        "seconds from the last fault until everybody had everything": round(whole_s, 1),
    }


def _of(chance: random.Random) -> random.Random:
    return random.Random(chance.getrandbits(64))


def _some(busy: list[str], channels: list[str], chance: random.Random) -> list[str]:
    """At least one of them is written to."""
    return list(dict.fromkeys([chance.choice(busy), *chance.sample(channels, CHANNELS_EACH - 1)]))


async def _until(condition: Callable[[], bool], tasks: list, otherwise: str) -> None:
    deadline = time.monotonic() + FINISH_S
    while not condition():
        _raise_first(tasks)
        if time.monotonic() > deadline:
            raise Violation(f"{otherwise} {FINISH_S:.0f} s after the last fault")
        await asyncio.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="processes of each server")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:8.1f} s  {text}", flush=True)

    print(f"seed {given.seed}: repeat with --seed {given.seed}", flush=True)
    happened = run(
        clients=given.clients,
        seconds=given.minutes * 60,
        seed=given.seed,
        servers=given.servers,
        pause_s=(1.0, 6.0),
        say=say,
        **({"workers": given.workers} if given.workers > 1 else {}),
    )
    for name, value in happened.items():
        print(f"{name}: {value}")
    print("everybody has exactly the log from where he began; every acknowledged message is in it once; no offset is missing")


if __name__ == "__main__":
    main()
