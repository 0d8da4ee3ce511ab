"""A real replica set of three on this machine, whose members can be killed, frozen, deposed and cut off from the servers.

Every member is known to all by a port of a proxy, so that a server's connections to it can be cut or frozen while the members
still hear each other. Elections are short, since each test waits for some.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from store import mongod
from store.connect import APP_NAME
from tests.faults.proxy import Proxies, Proxy
from tests.handlers.replica_pair import _free_ports
from tests.handlers.talking import PATIENCE_S, eventually

NAME = "three"
OPTIONS = (
    *("--replSet", NAME, "--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet", "--noscripting", "--oplogSize", "64"),
    *("--wiredTigerCacheSizeGB", "0.25", "--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"),
    *("--networkMessageCompressors", "disabled", "--setParameter", "diagnosticDataCollectionEnabled=false"),
    *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
    # Whoever copies from a member that has frozen gives up after this; with 5 s no majority is found for as long after each election.
    *("--setParameter", "oplogNetworkTimeoutBufferSeconds=1"),
)
ELECTION_MS = 1500
"""A seventh of the default: how long a primary may be silent before the others elect another."""
HEARTBEAT_MS = 200
NODE_NOT_FOUND = 74
"""The server's error code: another member doesn't listen yet."""
ANSWER_MS = 700
"""For a member to say what it is, where it runs."""
START_S = 6 * PATIENCE_S


class Member:
    """One mongod: `process` is its latest run."""

    def __init__(self, folder: Path, port: int, proxy: Proxy):
        self.folder = folder
        self.port = port
        self.proxy = proxy
        self.is_frozen = False
        self.process: subprocess.Popen[bytes] | None = None
        self.client: MongoClient[dict[str, Any]] = MongoClient(
            "127.0.0.1", port, directConnection=True, connect=False, serverSelectionTimeoutMS=ANSWER_MS, socketTimeoutMS=ANSWER_MS
        )

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None and not self.is_frozen

    def ask(self, command: str, value: object = 1, **rest: object) -> dict[str, Any] | None:
        """The answer of the member itself, None where it gives none. Raises OperationFailure."""
        if not self.runs:
            return None
        try:
            return self.client.admin.command(command, value, **rest)
        except OperationFailure:
            raise
        except PyMongoError:
            return None


class ReplicaSet:
    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self.folder = Path(tempfile.mkdtemp(prefix="aw-three-"))
        self._executable = asyncio.run(mongod.find()).path
        marker = APP_NAME.encode()
        self.members = [Member(self.folder / str(port), port, proxies.to(port, marker)) for port in _free_ports(3)]

    def uri(self, database: str = "anywire") -> str:
        hosts = ",".join(f"127.0.0.1:{member.proxy.port}" for member in self.members)
        return f"mongodb://{hosts}/{database}?replicaSet={NAME}"

    def start(self) -> "ReplicaSet":
        """Returns once there is a primary and both others follow it."""
        for member in self.members:
            member.folder.mkdir()
            self._spawn(member)
        members = [{"_id": number, "host": f"127.0.0.1:{member.proxy.port}"} for number, member in enumerate(self.members)]
        settings = {"electionTimeoutMillis": ELECTION_MS, "heartbeatIntervalMillis": HEARTBEAT_MS}
        config = {"_id": NAME, "members": members, "settings": settings}
        eventually(lambda: self._initiate(config), START_S)
        self.whole()
        return self

    def _initiate(self, config: dict[str, Any]) -> bool:
        try:
            return self.members[0].ask("replSetInitiate", config) is not None
        except OperationFailure as error:
            if error.code != NODE_NOT_FOUND:
                raise
            return False

    def primary(self, within_s: float = START_S) -> Member:
        """The member that says it is, and that the others agree with; waits for one."""
        return eventually(self._primary, within_s)

    def _primary(self) -> Member | None:
        newest: tuple[str, Member] | None = None
        for member in self.members:
            hello = member.ask("hello")
            if hello is not None and hello.get("isWritablePrimary"):
                term = str(hello["electionId"])  # of two that believe it the later elected one is right
                newest = max(newest or (term, member), (term, member), key=lambda each: each[0])
        return newest[1] if newest else None

    def whole(self) -> None:
        """Returns once all three are there again, one of them as the primary."""

        def states() -> bool:
            hellos = [member.ask("hello") or {} for member in self.members]
            return sum(h.get("isWritablePrimary", False) for h in hellos) == 1 and sum(h.get("secondary", False) for h in hellos) == 2

        eventually(states, START_S)

    def kill(self, member: Member) -> None:
        """SIGKILL, as when its machine loses its power."""
        assert member.process is not None
        member.process.kill()
        member.process.wait(PATIENCE_S)
        member.is_frozen = False

    def restart(self, member: Member) -> None:
        """Starts one that was killed; it isn't waited for."""
        self._spawn(member)

    def freeze(self, member: Member) -> None:
        """SIGSTOP: its connections stay open and say nothing."""
        assert member.process is not None
        member.process.send_signal(signal.SIGSTOP)
        member.is_frozen = True

    def thaw(self, member: Member) -> None:
        assert member.process is not None
        member.process.send_signal(signal.SIGCONT)
        member.is_frozen = False

    def step_down(self) -> None:
        """The primary gives up being one, without being asked why; another follows it."""
        deadline = time.monotonic() + START_S
        while True:
            member = self.primary()
            with contextlib.suppress(OperationFailure, AutoReconnect):  # an election may be under way
                if member.ask("replSetStepDown", 5, secondaryCatchUpPeriodSecs=1, force=True) is not None:
                    return
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def heal(self) -> None:
        """Whatever was done to it is undone, but for the connections that were cut."""
        for member in self.members:
            self._proxies.do(member.proxy.thaw)
            member.proxy.delay_s = 0.0
            if member.process is not None and member.process.poll() is not None:
                self.restart(member)
            elif member.is_frozen:
                self.thaw(member)

    def close(self) -> None:
        for member in self.members:
            member.client.close()
            if member.process is not None and member.process.poll() is None:
                os.kill(member.process.pid, signal.SIGCONT)
                member.process.kill()
                member.process.wait(PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self, member: Member) -> None:
        with (member.folder / "log").open("ab") as log:
            command = [self._executable, "--dbpath", member.folder, "--port", str(member.port), *OPTIONS]
            member.process = subprocess.Popen(command, stdout=log, stderr=log)
