"""A real replica set of two: as long as the second node stands still, no majority can acknowledge anything."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from store import mongod
from tests.handlers.talking import PATIENCE_S, eventually

OPTIONS = (
    *("--replSet", "pair", "--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet", "--noscripting", "--oplogSize", "64"),
    *("--wiredTigerCacheSizeGB", "0.25", "--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false", "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
)
ELECTION_MS = 60_000
"""The primary stays one though its only peer is silent: it is not fail-over that these tests are about."""


class ReplicaPair:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aw-pair-"))
        self.ports = _free_ports(2)
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def uri(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"mongodb://{hosts}/anywire?replicaSet=pair"

    def start(self) -> "ReplicaPair":
        executable = asyncio.run(mongod.find()).path
        for port in self.ports:
            path = self.folder / str(port)
            path.mkdir()
            with (path / "log").open("wb") as log:
                self.processes.append(
                    subprocess.Popen([executable, "--dbpath", path, "--port", str(port), *OPTIONS], stdout=log, stderr=log)
                )
        with MongoClient("127.0.0.1", self.ports[0], directConnection=True, serverSelectionTimeoutMS=PATIENCE_S * 1000) as first:
            self._introduce(first.admin)
        return self

    def _introduce(self, admin: Database[dict[str, Any]]) -> None:
        """A set of one elects itself at once; the second node is added to it, and is waited for."""
        members = [{"_id": n, "host": f"127.0.0.1:{port}", "priority": 1 - n} for n, port in enumerate(self.ports)]
        admin.command("replSetInitiate", {"_id": "pair", "members": members[:1]})
        eventually(lambda: admin.command("hello")["isWritablePrimary"])
        config = admin.command("replSetGetConfig")["config"]
        config["settings"] |= {"electionTimeoutMillis": ELECTION_MS, "heartbeatIntervalMillis": 200}
        admin.command("replSetReconfig", {**config, "members": members, "version": config["version"] + 1})
        eventually(lambda: admin.command("replSetGetStatus")["writeMajorityCount"] == 2, 3 * PATIENCE_S)

    def hold(self) -> None:
        """From now on no majority acknowledges."""
        self.processes[1].send_signal(signal.SIGSTOP)

    def release(self) -> None:
        self.processes[1].send_signal(signal.SIGCONT)

    def close(self) -> None:
        for process in self.processes:
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.wait(PATIENCE_S)
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
