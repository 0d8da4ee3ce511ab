"""Several workers on one port: started, watched, replaced when one dies, and renewed one after the other.

The supervisor serves nobody. It holds the port, so that the kernel deals the connections to whoever listens on it (socket(7),
SO_REUSEPORT), has the database where that is our own, and a folder in which the workers find each other (neighbours.py).
Invariant: until it is stopped, each place has a worker, or one on its way.

SIGTERM and SIGINT stop them all in good order. SIGHUP replaces each by a new one, which serves before the old one leaves.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from cluster.neighbours import SUFFIX, tell_once
from protocol.notices import LeftNotice, encode_notice

READY = "supervisor"
"""The socket to which a worker says that it serves."""
START_S = 60.0
"""A worker takes a second to start; on a busy machine some."""
STEADY_S = 10.0
"""Who lived for so long has started well."""
BACKOFF_S = (0.0, 0.2, 1.0, 2.0, 5.0)
"""Before each start in a row that follows an early death; the last one repeats."""
LAST_S = 10.0
"""Beyond its drain, for a worker to finish what it has taken."""

logger = logging.getLogger("anywire.supervisor")


class WorkerFailed(Exception):
    """A worker ended before it served anybody: its own words say why."""


class Worker:
    """One process, from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process):
        self.process = process
        self.since_s = time.monotonic()
        self.ready = asyncio.Event()
        self.name = b""
        """By which the others know it (store/processes.py)."""

    @property
    def pid(self) -> int:
        return self.process.pid


class Supervisor:
    def __init__(self, workers: int, command: list[str], environment: Mapping[str, str], drain_s: float):
        """So many *workers*, each run by *command* in *environment*, and given *drain_s* to leave."""
        self._count = workers
        self._command = command
        self._environment = environment
        self._drain_s = drain_s
        self._folder = Path(tempfile.mkdtemp(prefix="anywire-"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._workers: dict[int, Worker] = {}
        self._places: list[asyncio.Task[None]] = []
        self._renewing = asyncio.Lock()
        self._is_stopping = False

    async def start(self) -> None:
        """Returns once all workers serve. Raises WorkerFailed where one can't."""
        self._socket.bind(str(self._folder / READY))
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
        first = await asyncio.gather(*(self._spawn() for _ in range(self._count)))
        self._places = [asyncio.ensure_future(self._keep(worker)) for worker in first]

    async def stop(self) -> None:
        """Ends all workers in good order, those that don't listen by force."""
        self._is_stopping = True
        for place in self._places:
            place.cancel()
        await asyncio.gather(*(self._end(worker) for worker in list(self._workers.values())))
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def renew(self) -> None:
        """Replaces one worker after the other: its place is taken over before it leaves."""
        async with self._renewing:
            for worker in list(self._workers.values()):
                if self._is_stopping:
                    return
                if worker.pid not in self._workers:
                    continue  # it has died meanwhile, and was replaced
                try:
                    fresh = await self._spawn()
                except WorkerFailed:
                    logger.error("the new worker doesn't start: the old ones go on")
                    return
                self._places.append(asyncio.ensure_future(self._keep(fresh)))
                self._workers.pop(worker.pid)
                await self._end(worker)
                logger.info("worker %d has taken over from %d", fresh.pid, worker.pid)

    async def _spawn(self) -> Worker:
        process = await asyncio.create_subprocess_exec(
            *self._command, env={**self._environment, "ANYWIRE_WORKER_OF": str(self._folder)}, start_new_session=True
        )
        worker = self._workers[process.pid] = Worker(process)
        ended, ready = asyncio.ensure_future(process.wait()), asyncio.ensure_future(worker.ready.wait())
        try:
            await asyncio.wait({ended, ready}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            ready.cancel()
        if not worker.ready.is_set():
            self._workers.pop(process.pid)
            await self._end(worker)
            raise WorkerFailed(f"worker {process.pid} does not start")
        return worker

    async def _keep(self, worker: Worker) -> None:
        """A place: whoever dies in it is replaced."""
        deaths = 0
        while True:
            status = await worker.process.wait()
            if self._workers.pop(worker.pid, None) is None:
                return  # it was told to leave
            self._say_left(worker)
            deaths = 1 if time.monotonic() - worker.since_s > STEADY_S else deaths + 1
            logger.warning("worker %d ended by itself (%s): another one takes its place", worker.pid, _status(status))
            while True:
                await asyncio.sleep(BACKOFF_S[min(deaths, len(BACKOFF_S)) - 1])
                try:
                    worker = await self._spawn()
                except (WorkerFailed, OSError) as error:
                    deaths += 1
                    logger.error("%s: trying again", error)
                else:
                    break
            logger.info("worker %d serves", worker.pid)

    async def _end(self, worker: Worker) -> None:
        for number, wait_s in ((signal.SIGTERM, self._drain_s + LAST_S), (signal.SIGKILL, LAST_S)):
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.process.wait(), wait_s)
                return

    def _hear(self) -> None:
        """A worker serves."""
        with contextlib.suppress(BlockingIOError):
            while True:
                pid, _, name = self._socket.recv(256).partition(b" ")
                worker = self._workers.get(int(pid))
                if worker is not None:
                    worker.name = name
                    worker.ready.set()

    def _say_left(self, dead: Worker) -> None:
        """The others needn't wait until it is clear that nobody is there by it any more."""
        (self._folder / f"{dead.name.hex()}{SUFFIX}").unlink(missing_ok=True)
        tell_once(self._folder, encode_notice(LeftNotice(dead.name)))


def say_ready(folder: Path, name: bytes) -> None:
    """Tells the supervisor that this process, which the others know by *name*, serves. Raises OSError where there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"%d %s" % (os.getpid(), name), str(folder / READY))


def hold_port(port: int, address: str) -> list[socket.socket]:
    """Binds *port* without listening on it, so that workers can. Raises OSError where somebody else has it."""
    held: list[socket.socket] = []
    found = socket.getaddrinfo(address or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, kind, protocol, _, (host, *_) in dict.fromkeys(found):
        for is_shared in (False, True):  # SO_REUSEPORT alone would share the port with another supervisor's workers
            bound = socket.socket(family, kind, protocol)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if is_shared else socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                bound.bind((host, port))
            except OSError:
                bound.close()
                raise
            if is_shared:
                held.append(bound)
                port = bound.getsockname()[1]
            else:
                bound.close()
    return held


def worker_command() -> list[str]:
    """What starts another process of this program; its settings come by the environment."""
    return [sys.executable, os.path.abspath(sys.argv[0])]


def _status(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
