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
from cluster.supervisor import Supervisor, WorkerFailed, hold_port, say_ready, worker_command
from handlers.doors import Doors, tls_context
from handlers.room import claim
from handlers.script import Script
from settings import SAFE_KEY_CHARS, Settings, load
from store.connect import StartError, connect
from wiring import make_node

BACKLOG = 4096
"""Connections that may wait to be accepted: all clients come at once after a restart."""
FEW_CONNECTIONS = 4000
"""Fewer than these, where no limit was set, are a system's default that nobody thought of."""
LAST_ANSWERS_S = 0.05
"""For the receipts of the last messages to leave."""
PR_SET_PDEATHSIG = 1

logger = logging.getLogger("anywire")


async def serve(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT. Raises StartError."""
    stop = _stop_signal()
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
            node = await make_node(settings, connection, started)
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
        if settings.worker_of is not None:
            say_ready(settings.worker_of, node.process)
        else:
            _print_ready(settings, sockets)
        await stop.wait()
        logger.info("stopping")
        if settings.worker_of is not None:
            doors.stop()  # the port is the other workers'
        await node.drain()  # who still comes is told to try elsewhere
        doors.stop()
        await node.log.close()
        await node.votes.counted()
        await asyncio.sleep(LAST_ANSWERS_S)
        await doors.http.close_all_connections()


async def supervise(settings: Settings) -> None:
    """Runs several workers until SIGTERM or SIGINT. Raises StartError, or WorkerFailed, which has said why."""
    stop = _stop_signal()
    tls_context(settings)
    claim()
    sockets = _listen(settings)
    async with contextlib.AsyncExitStack() as started:
        ours: dict[str, object] = {"port": sockets[0].getsockname()[1], "workers": 1, "follow_parent": True}
        if not settings.mongodb_uri:
            connection = await connect(uri=None, data=settings.data, driver=settings.mongo_driver)
            started.push_async_callback(connection.close)
            assert connection.embedded is not None
            ours |= {"mongodb_uri": connection.embedded.uri, "watch_disk": settings.data}
        environment = {**os.environ, **settings.model_copy(update=ours).environment()}
        supervisor = Supervisor(settings.processes, worker_command(), environment, settings.drain_s)
        started.push_async_callback(supervisor.stop)
        await supervisor.start()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(supervisor.renew()))
        _print_ready(settings, sockets)
        await stop.wait()
        logger.info("stopping")


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _print_ready(settings: Settings, sockets: list[socket.socket]) -> None:
    host, port = sockets[0].getsockname()[:2]
    scheme = "https" if settings.tls_cert else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
    if settings.log_format == "json":
        logger.info("Anywire is ready at %s", url, extra={"url": url})
    else:
        print(f"Anywire is ready at {url}", flush=True)


def _listen(settings: Settings) -> list[socket.socket]:
    """Bound before anything else is started, so that a port in use is said at once. Raises StartError."""
    try:
        if settings.processes > 1:
            return hold_port(settings.port, settings.address)
        return tornado.netutil.bind_sockets(settings.port, settings.address, backlog=BACKLOG, reuse_port=settings.worker_of is not None)
    except OSError as error:
        raise StartError(
            "address",
            f"Can't listen on {settings.address}, port {settings.port}: {os.strerror(error.errno or 0)}. "
            "Choose another one with --port or ANYWIRE_PORT, or stop what listens there.",
        ) from error


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
        asyncio.run(supervise(settings) if settings.processes > 1 else serve(settings))
    except WorkerFailed as error:
        raise SystemExit(1) from error
    except StartError as error:
        if settings.log_format == "text":
            raise SystemExit(f"Anywire can't start: {error}") from error
        logger.critical("Anywire can't start: %s", error, extra={"case": error.code})
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
