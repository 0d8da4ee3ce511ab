"""Programs that the tests start: each on a free port, in a folder of its own, ended by its own process id."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.listening import wait_for
from tests.required import missing

STOP_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name: str) -> str:
    """Where it is; the test is over where it must be there and isn't."""
    found = shutil.which(name) or f"/usr/sbin/{name}"
    if not os.path.exists(found):
        missing(name, name)
    return found


@contextmanager
def folder() -> Iterator[Path]:
    """One that programs which give up their rights may use, too."""
    path = Path(tempfile.mkdtemp(prefix="aw-box-"))
    path.chmod(0o777)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """The process, from when it listens on *port*."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent)
    try:
        try:
            wait_for(port, process)
        except RuntimeError as error:
            raise AssertionError(f"{command[0]} did not start: {log.read_text(errors='replace')}") from error
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
