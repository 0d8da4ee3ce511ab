"""The mongod that this server owns: started, watched, started again when it dies, stopped.

Invariant: between `start` and `stop` one mongod of ours runs or is being started, and none runs before, after, or once this process
is gone. It listens on a private unix socket alone. Majority writes are journaled, so ending it with SIGKILL loses nothing acknowledged.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.parse import quote

from store import orphan, replica
from store.folder import SOCKET, DataFolder
from store.mongod import Mongod, explain
from store.mongod_log import MongodLog
from store.start_error import StartError

log = logging.getLogger(__name__)

OPTIONS = (
    *("--dbpath", ".", "--port", "27017", "--bind_ip", f"./{SOCKET}", "--unixSocketPrefix", ".", "--filePermissions", "0700"),
    *("--replSet", replica.NAME, "--quiet", "--noscripting"),
    # A laptop's sizes: the oplog must outlast a pause of a change stream, the cache hold the newest messages of the busy channels.
    *("--oplogSize", "256", "--wiredTigerCacheSizeGB", "0.25"),
    # On one machine compressing costs more than it saves.
    *("--networkMessageCompressors", "disabled"),
    # The log: without these a new folder takes 300 MB, with them 17 MB. Dirty pages are written back from 5 % of the cache on, which
    # is meant for caches of gigabytes: of this one it is a second's publishing, and the pages of the index of ids, which is written
    # all over, were written back again and again. That took more than half of mongod's CPU. The journal has them long before.
    *("--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false),eviction_dirty_target=60,eviction_dirty_trigger=80"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    # There is no second node that could lag.
    *("--setParameter", "enableFlowControl=false"),
    # Nor one that could take over: a stop need not wait 15 s for it.
    *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
    *("--setParameter", "ttlMonitorSleepSecs=15"),
)

START_DEADLINE_S = 60
"""A start takes 0.6 s; after a crash under load on a slow disk, the recovery of up to a minute's writes comes before it."""

STOP_DEADLINE_S = 3
"""A clean stop takes 1.0 s, nearly all of it mongod's own pause in its replication threads; then SIGKILL."""

KILL_DEADLINE_S = 15.0
"""For the kernel to end it: who waits for a disk can't die."""

STEADY_S = 10
"""A mongod that lived for so long has started well: the next death is a new story, and gets no back-off."""

BACKOFF_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Pause before each start in a row that follows a death; the last one repeats, so that it comes back by itself once disk is freed."""

TELL_WHY_AFTER = 3
"""Deaths in a row after which the log says why: one may be somebody's `kill -9`."""

LOG_CHECK_S = 60


class Embedded:
    """`uri` is where it listens, `pid` the running mongod's or None, `failure` what ails it while it can't be kept running, or None."""

    def __init__(self, folder: DataFolder, mongod: Mongod, driver: str) -> None:
        self.folder = folder
        self.mongod = mongod
        self.uri = ""
        self.failure: StartError | None = None
        self._driver = driver
        self._log = MongodLog(folder.log_path)
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process and process.returncode is None else None

    def free_bytes(self) -> int:
        """Bytes left on the data folder's disk. mongod aborts when they run out: shed writes below some 200 MB."""
        return self.folder.free_bytes()

    async def start(self) -> None:
        """Returns when writes are accepted. Call it on the main thread: on Linux mongod ends with the thread that spawned it.

        Raises StartError; then nothing is left running or locked.
        """
        await self.folder.claim()
        try:
            self._socket_path = self.folder.socket_path()
            self.uri = f"mongodb://{quote(self._socket_path, safe='')}/?directConnection=true"
            self.folder.check_version(self.mongod.version)
            await orphan.end(self.folder.mongodb)
            await self._launch()
            self.folder.record_version(self.mongod.version)
        except BaseException as error:
            await self._end(signal.SIGKILL)
            self.folder.release()
            if isinstance(error, OSError):
                raise self.folder.unusable(error) from error
            raise
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """Stops mongod cleanly, within STOP_DEADLINE_S, and gives the folder up. Again: nothing happens."""
        if self._supervisor is None:
            return
        self._supervisor.cancel()
        await asyncio.wait({self._supervisor})
        self._supervisor = None
        await self._end(signal.SIGTERM)
        self.folder.release()

    async def _launch(self) -> None:
        try:
            self.folder.check_space()
            await self._spawn()
        except (OSError, subprocess.SubprocessError) as error:
            # While the server ran, its folder or the executable went away, or descriptors ran out.
            raise self._did_not_start(str(error)) from error
        primary = asyncio.create_task(replica.become_primary(self._driver, self.uri, self._socket_path))
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait({primary, ended}, timeout=START_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise self._why()
            if not primary.done():
                raise self._did_not_start(f"it accepted no writes within {START_DEADLINE_S} s")
            await primary
        finally:
            primary.cancel()
            ended.cancel()
            await asyncio.wait({primary, ended})

    async def _spawn(self) -> None:
        with self._log.begin() as output:
            self._process = await asyncio.create_subprocess_exec(
                self.mongod.path,
                *OPTIONS,
                cwd=self.folder.mongodb,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C in a terminal goes to the whole foreground group: the database stops after the server, not with it.
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )

    async def _supervise(self) -> None:
        deaths = 0
        started = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), LOG_CHECK_S)
            if self._process.returncode is None:
                self._log.trim()
                continue
            deaths = 1 if time.monotonic() - started > STEADY_S else deaths + 1
            log.warning("mongod ended by itself (%s): starting it again", _status(self._process.returncode))
            if deaths >= TELL_WHY_AFTER:
                self._tell(self._why())
            while True:
                await asyncio.sleep(BACKOFF_S[min(deaths, len(BACKOFF_S)) - 1])
                started = time.monotonic()
                try:
                    await self._launch()
                except StartError as error:
                    await self._end(signal.SIGKILL)
                    deaths += 1
                    if deaths >= TELL_WHY_AFTER:
                        self._tell(error)
                else:
                    break
            self.failure = None
            log.info("mongod %d accepts writes again, after %.1f s", self._process.pid, time.monotonic() - started)

    def _tell(self, error: StartError) -> None:
        self.failure = error
        log.error("mongod can't be kept running (%s): %s", error.code, error)

    async def _end(self, first: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        for number, deadline_s in ((first, STOP_DEADLINE_S), (signal.SIGKILL, KILL_DEADLINE_S)):
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), deadline_s)
                return

    def _why(self) -> StartError:
        """The error for the run that has just ended, from what it wrote."""
        code, words = self._log.failure()
        if code == "disk-full":
            return StartError(
                code,
                f'The disk is full: mongod ended with "{words}". {self.free_bytes() // 1_000_000} MB are free where the data folder '
                f"{self.folder.path} is.\nFree some space, or set ANYWIRE_DATA to a folder on another disk.",
            )
        if code == "folder-other-version":
            return self.folder.other_version(f'mongod {self.mongod.version} says: "{words}".')
        if code == "folder-in-use":
            return self.folder.in_use(f'another mongod works in it ("{words}").')
        if self._process.returncode == -signal.SIGKILL:
            # The last line of its log is about something else.
            words = "somebody did that, or the kernel, for want of memory (its own log would say: dmesg)"
        return self._did_not_start(explain(self._process.returncode, words))

    def _did_not_start(self, reason: str) -> StartError:
        return StartError(
            "mongod-did-not-start",
            f"The database {self.mongod.path} (MongoDB {self.mongod.version}) doesn't stay up: {reason}\n"
            f"Its log is {self.folder.log_path}. A new folder for ANYWIRE_DATA shows whether the data is the reason.",
        )


def _status(returncode: int) -> str:
    return signal.Signals(-returncode).name if returncode < 0 else f"status {returncode}"


def _die_with_parent() -> Callable[[], None] | None:
    """What the child runs between fork and exec, so that the kernel ends it with the thread that spawned it; None
    where the system can't.

    SIGKILL and not SIGTERM: a clean stop takes a second in which the next server would have to wait, and the journal makes it needless.
    Everything is looked up before the fork, since only calls that allocate nothing are safe after it.
    """
    if sys.platform != "linux":
        return None  # pragma: no cover
    PR_SET_PDEATHSIG = 1  # prctl(2)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def prepare() -> None:  # pragma: no cover, it runs in the child
        prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # The parent died before the kernel knew.

    return prepare
