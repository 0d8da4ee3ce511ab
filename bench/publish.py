"""Durable publishing from one process: messages a second, and how long each waits for its majority.

    .venv/bin/python -m bench.publish                       both drivers, straight into the log
    .venv/bin/python -m bench.publish --driver pymongo --publishers 512 --seconds 5

Method: PUBLISHERS coroutines in a closed loop (each sends its next message when the last one was acknowledged), 50
channels, 200 bytes of data, each message with an id; the embedded MongoDB in a folder made for the run, on this disk.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from protocol.hub import Hub
from server import spare_the_collector
from store.connect import connect
from store.feed import Feed
from store.log import Log
from store.meta import load_meta
from store.reader import Reader
from store.writer import Writer

CHANNELS = 50
DATA = b'{"text":"%s"}' % (b"x" * 189)


async def measure(driver: str, publishers: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="aw-", dir=".") as folder:
        connection = await connect(uri=None, data=Path(folder), driver=driver)
        meta = await load_meta(connection.database)
        reader = Reader(connection.database, meta.epoch)
        hub = Hub(meta.epoch, lambda channel: feed.fill(channel), time.monotonic, asyncio.get_running_loop().call_later)
        feed = Feed(reader, hub)
        log = Log(Writer(connection.database, reader, hub, b"bench"))
        waits: list[float] = []
        end = time.monotonic() + 1 + seconds
        begin = time.monotonic() + 1

        async def publisher(number: int) -> None:
            user, sent = {"id": f"u_{number:016}", "name": "bench"}, 0
            while (now := time.monotonic()) < end:
                sent += 1
                await log.append(f"chat:room-{number % CHANNELS}", user, f"{number:08}-{sent:016}", DATA)
                if now > begin:
                    waits.append(time.monotonic() - now)

        spare_the_collector()  # as the server does
        cpu = time.process_time()
        await asyncio.gather(*(publisher(number) for number in range(publishers)))
        cpu = time.process_time() - cpu
        waits.sort()
        print(
            f"{driver:8} {len(waits) / seconds:8.0f} messages/s   median {statistics.median(waits) * 1000:5.1f} ms"
            f"   p99 {waits[len(waits) * 99 // 100] * 1000:5.1f} ms   {cpu / len(waits) * 1e6:4.0f} µs of our CPU a message",
            flush=True,
        )
        await log.close()
        await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", choices=["motor", "pymongo"])
    parser.add_argument("--publishers", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    for driver in [given.driver] if given.driver else ["pymongo", "motor"]:
        asyncio.run(measure(driver, given.publishers, given.seconds))


if __name__ == "__main__":
    main()
