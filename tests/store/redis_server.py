"""A real redis-server on a free port, with nothing on disk, that a test can freeze, kill and start again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.required import missing


class RedisServer:
    def __init__(self, folder: Path, *options: str):
        self._folder = folder
        self._options = options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisServer":
        if shutil.which("redis-server") is None:
            missing("redis", "redis-server")
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with open(self._folder / "redis.log", "ab") as log:
            self._process = subprocess.Popen([*command, *self._options], cwd=self._folder, stdout=log, stderr=log)
        deadline_s = time.monotonic() + 10
        while not self._listens():
            assert self._process.poll() is None and time.monotonic() < deadline_s, (self._folder / "redis.log").read_text()[-2000:]
            time.sleep(0.01)
        return self

    def kill(self) -> None:
        if self._process is not None:
            self.thaw()
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def redis(folder) -> Iterator[RedisServer]:
    """A Redis that runs."""
    server = RedisServer(folder)
    yield server.start()
    server.kill()
