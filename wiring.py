"""What one process is made of, between the database and the handlers: made here, and put together."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.neighbours import Neighbours
from cluster.notices import Notices
from cluster.presence import Presence
from handlers.measured import MeasuredHub, MeasuredWriter
from handlers.metrics import Metrics
from handlers.node import Node
from handlers.presence import looker
from negotiation.identity import Identity, User
from negotiation.origin import networks
from protocol.hub import Hub
from protocol.notices import DismissNotice, RenameNotice, SignalNotice
from settings import Settings
from store.arrivals import Arrivals
from store.bus import Bus
from store.connect import Connection
from store.counts import Counts
from store.feed import Feed
from store.folder import free_bytes
from store.items import Items
from store.job_channel import Ways
from store.jobs import Jobs
from store.leases import Leases
from store.log import Log
from store.meta import check_whole, load_meta
from store.processes import Processes
from store.reader import Reader
from store.records import Records
from store.retention import Retention
from store.tasks import end
from store.uploads import Uploads
from store.votes import Votes
from store.writer import Writer
from tasks.runner import Runner

if TYPE_CHECKING:
    from store.redis_bus import RedisBus

FREE_BYTES = 200 * 1024 * 1024
"""Below this much free disk nothing more is taken: mongod aborts when there is none left."""
DISK_EVERY_S = 2.0

logger = logging.getLogger("anywire")


async def make_node(settings: Settings, connection: Connection, started: contextlib.AsyncExitStack) -> Node:
    """A node on *connection*, whose parts *started* closes in the opposite order. Raises PyMongoError, StartError."""
    process = os.urandom(6)
    host = settings.worker_of.name if settings.worker_of is not None else process.hex()
    processes = Processes(connection.database, process, host=host)
    await processes.start()  # before the look, so that no restore begins after it
    started.push_async_callback(processes.close)
    await check_whole(connection.database)
    meta = await load_meta(connection.database)
    notices = Notices()
    if settings.worker_of is not None:
        neighbours = Neighbours(settings.worker_of, process, notices.hear)
        await neighbours.start()
        started.callback(neighbours.close)
        notices.add(neighbours)
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
        bus = _bus(settings.bus, connection, hub, MeasuredHub(hub, metrics), feed, processes, renew, notices.hear)
        await bus.start()
        started.push_async_callback(bus.close)
        notices.add(bus)
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
    watched_disk = settings.data if connection.embedded is not None else settings.watch_disk
    if watched_disk is not None:
        started.push_async_callback(end, asyncio.ensure_future(_watch_disk(watched_disk, log)))
    presence = Presence(process, notices, looker(hub), loop.time)
    started.callback(presence.close)
    node = Node(
        process=process,
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
        notices=notices,
        presence=presence,
        metrics=metrics,
    )
    notices.on(SignalNotice, lambda notice: hub.signal(notice.channel, notice.payload))
    notices.on(RenameNotice, lambda notice: node.renamed(User(notice.user, notice.name)))
    notices.on(DismissNotice, lambda notice: node.dismiss(notice.user, notice.channel) and None)
    return node


def _bus(
    url: str | None,
    connection: Connection,
    hub: Hub,
    measured: MeasuredHub,
    feed: Feed,
    processes: Processes,
    renew: Callable[[str], None],
    heard: Callable[[bytes], None],
) -> "Bus | RedisBus":
    if url is None:
        watched = connection.watcher.get_database(connection.database.name)
        return Bus(watched, Arrivals(watched, measured, feed, renew), processes, heard)
    from store.redis_bus import RedisBus  # only who uses it pays for the package

    return RedisBus(url, connection.database, hub, Arrivals(connection.database, measured, feed, renew), processes, heard)


async def _watch_disk(folder: Path, log: Log) -> None:
    while True:
        free = free_bytes(folder)
        if log.refusing is None and free < FREE_BYTES:
            log.refusing = "The disk is nearly full."
            logger.warning("%.0f MB of disk are free: refusing messages", free / 1e6)
        elif log.refusing is not None and free >= FREE_BYTES:
            log.refusing = None
            logger.warning("%.0f MB of disk are free: taking messages", free / 1e6)
        await asyncio.sleep(DISK_EVERY_S)
