"""The entry point: settings, log, hub, handlers, listen; drain on SIGTERM. Wiring only."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys

import tornado.netutil
from pymongo.errors import PyMongoError

import logs
from handlers.doors import Doors, tls_context
from handlers.measured import MeasuredHub, MeasuredWriter
from handlers.metrics import Metrics
from handlers.node import Node
from handlers.room import claim
from handlers.script import Script
from negotiation.identity import Identity
from negotiation.origin import networks
from protocol.hub import Hub
from settings import SAFE_KEY_CHARS, Settings, load
from store.bus import Bus
from store.connect import Connection, StartError, connect
from store.counts import Counts
from store.feed import Feed
from store.items import Items
from store.job_channel import Ways
from store.jobs import Jobs
from store.leases import Leases
from store.log import Log
from store.meta import load_meta
from store.reader import Reader
from store.records import Records
from store.retention import Retention
from store.tasks import end
from store.uploads import Uploads
from store.votes import Votes
from store.writer import Writer
from tasks.runner import Runner

BACKLOG = 4096
"""Connections that may wait to be accepted: all clients come at once after a restart."""
FREE_BYTES = 200 * 1024 * 1024
"""Below this much free disk nothing more is taken: mongod aborts when there is none left."""
DISK_EVERY_S = 2.0
FEW_CONNECTIONS = 4000
"""Fewer than these, where no limit was set, are a system's default that nobody thought of."""
LAST_ANSWERS_S = 0.05
"""For the receipts of the last messages to leave."""
PR_SET_PDEATHSIG = 1

logger = logging.getLogger("anywire")


async def serve(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT. Raises StartError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    context = tls_context(settings)
    ceiling = claim()  # before MongoDB is started, which inherits it
    if ceiling < (settings.connections or FEW_CONNECTIONS):
        logger.warning("this process may have %d connections, by its limit of open files: raise it (ulimit -n, LimitNOFILE)", ceiling)
    sockets = _listen(settings)
    script = asyncio.ensure_future(asyncio.to_thread(Script.load))  # while MongoDB starts
    async with contextlib.AsyncExitStack() as started:
        connection = await connect(uri=settings.mongodb_uri, data=settings.data, driver=settings.mongo_driver)
        started.push_async_callback(connection.close)
        try:
            node = await _node(settings, connection, started)
        except PyMongoError as error:
            raise StartError(
                "database-unusable",
                f"MongoDB refuses what the server needs: {type(error).__name__}: {error}.\nIs an election under way? Then try again. "
                f"Otherwise the database {connection.database.name} holds something that no server of this version wrote.",
            ) from error
        node.ceiling = ceiling
        node.metrics.connections_limit.set(min(settings.connections or ceiling, ceiling))
        doors = Doors(node, await script, context=context)
        started.callback(doors.close)
        doors.open(sockets)
        node.load.start()
        spare_the_collector()
        host, port = sockets[0].getsockname()[:2]
        scheme = "https" if context else "http"
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
        if settings.log_format == "json":
            logger.info("Anywire is ready at %s", url, extra={"url": url})
        else:
            print(f"Anywire is ready at {url}", flush=True)
        await stop.wait()
        logger.info("stopping")
        await node.drain()  # who still comes is told to try elsewhere
        doors.stop()
        await node.log.close()
        await node.votes.counted()
        await asyncio.sleep(LAST_ANSWERS_S)
        await doors.http.close_all_connections()


async def _node(settings: Settings, connection: Connection, started: contextlib.AsyncExitStack) -> Node:
    """Everything between the database and the handlers, closed in the opposite order."""
    meta = await load_meta(connection.database)
    process = os.urandom(6)
    reader = Reader(connection.database, meta.epoch)
    loop = asyncio.get_running_loop()
    hub = Hub(meta.epoch, lambda channel: feed.fill(channel), loop.time, loop.call_later, loop.call_soon)
    feed = Feed(reader, hub)
    started.push_async_callback(feed.close)
    writer = Writer(connection.database, reader, hub, process)
    metrics = Metrics()
    log = Log(MeasuredWriter(writer, metrics))

    def renew(epoch: str) -> None:
        logger.warning("the log was restored: every client starts anew")
        reader.epoch = epoch
        writer.renew()
        hub.renew(epoch)

    if settings.bus != "memory":
        watched = connection.watcher.get_database(connection.database.name)
        bus = Bus(watched, MeasuredHub(hub, metrics), feed, process, renew)
        await bus.start()
        started.push_async_callback(bus.close)
    retention = Retention(connection.database, reader, writer, keep_messages=settings.keep_messages, keep_days=settings.keep_days)
    retention.start()
    started.push_async_callback(retention.close)
    started.push_async_callback(log.close)
    jobs = Jobs(connection.database, Ways(log, feed, hub), keep_days=settings.keep_days, stalled_s=settings.job_stalled_s)
    started.push_async_callback(jobs.close)
    await jobs.start()
    items = Items(connection.database, keep_days=settings.keep_days)
    await items.start()
    records = Records(connection.database)
    await records.start()
    uploads = Uploads(connection.database)
    runner = Runner(jobs, items, Leases(connection.database, process), records, uploads)
    started.push_async_callback(runner.close)
    runner.start()
    votes = Votes(connection.database, reader, hub, log, process, writer.trimmable)
    started.push_async_callback(votes.close)
    await votes.start()
    counts = Counts(connection.database)
    started.push_async_callback(counts.close)
    counts.start()
    if connection.embedded is not None:
        started.push_async_callback(end, asyncio.ensure_future(_watch_disk(connection, log)))
    return Node(
        settings=settings,
        hub=hub,
        feed=feed,
        reader=reader,
        log=log,
        jobs=jobs,
        items=items,
        uploads=uploads,
        runner=runner,
        votes=votes,
        counts=counts,
        identity=Identity(settings.secret.encode() if settings.secret else meta.secret),
        trusted=networks(settings.trusted_proxies),
        metrics=metrics,
    )


def _listen(settings: Settings) -> list[socket.socket]:
    """Bound before anything else is started, so that a port in use is said at once. Raises StartError."""
    try:
        return tornado.netutil.bind_sockets(settings.port, settings.address, backlog=BACKLOG)
    except OSError as error:
        raise StartError(
            "address",
            f"Can't listen on {settings.address}, port {settings.port}: {os.strerror(error.errno or 0)}. "
            "Choose another one with --port or ANYWIRE_PORT, or stop what listens there.",
        ) from error


async def _watch_disk(connection: Connection, log: Log) -> None:
    while True:
        free = connection.embedded.free_bytes() if connection.embedded is not None else FREE_BYTES
        if (log.refusing is None) != (free >= FREE_BYTES):
            log.refusing = None if free >= FREE_BYTES else "The disk is nearly full."
            logger.warning("%.0f MB of disk are free: %s messages", free / 1e6, "taking" if log.refusing is None else "refusing")
        await asyncio.sleep(DISK_EVERY_S)


def spare_the_collector() -> None:
    """What the start made lives as long as the process: the collector needn't look at it, nor at the young ones so often.
    A fifth of the CPU of publishing, measured; reference counting frees nearly everything anyway."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _follow_parent() -> None:
    """SIGTERM for us when whoever started us ends without a word, such as a `make` that was killed."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            raise SystemExit("The process that started the server has ended.")


def main() -> None:
    settings = load(sys.argv[1:])
    logs.set_up(settings.log_format, settings.log_level)
    if settings.short_keys:
        logger.warning("a key of less than %d characters can be guessed: %s", SAFE_KEY_CHARS, ", ".join(settings.short_keys))
    if settings.follow_parent:
        _follow_parent()
    try:
        asyncio.run(serve(settings))
    except StartError as error:
        if settings.log_format == "text":
            raise SystemExit(f"Anywire can't start: {error}") from error
        logger.critical("Anywire can't start: %s", error, extra={"case": error.code})
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
