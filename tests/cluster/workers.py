"""A server with several workers, each of which can be reached, and ended, by its pid."""

import os
import signal
import socket
import time
from pathlib import Path

from tests.handlers.four_wires import Wire
from tests.running import Server

TRIES = 200
"""Connections until one has reached the worker that is wanted: with two workers half of them do."""


class Workers(Server):
    def pids(self) -> list[int]:
        """Of the workers, in the order in which they were started."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"server.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def owner(self, wire: Wire) -> int:
        """The pid of the worker that has the other end of *wire*."""
        local, remote = wire.link.socket.getsockname(), wire.link.socket.getpeername()
        wanted = f"{_hex(remote)} {_hex(local)}"
        inode = next(fields[9] for line in Path("/proc/net/tcp").read_text().splitlines() if wanted in line for fields in [line.split()])
        for pid in self.pids():
            links = Path(f"/proc/{pid}/fd")
            if any(os.readlink(link) == f"socket:[{inode}]" for link in links.iterdir() if link.is_symlink()):
                return pid
        raise AssertionError(f"nobody has {wanted}")

    def reach(self, pid: int, kind: type[Wire], *arguments, **options) -> Wire:
        """A wire that ends at the worker *pid*."""
        for _ in range(TRIES):
            wire = kind(self, *arguments, **options)
            if self.owner(wire) == pid:
                return wire
            wire.close()
        raise AssertionError(f"worker {pid} is not to be reached")

    def kill_worker(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def renewed(self, before: list[int], within_s: float = 20.0) -> list[int]:
        """The pids, once as many as *before* serve and none of *before* is among them."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            pids = self.pids()
            if len(pids) == len(before) and not set(pids) & set(before):
                return pids
            time.sleep(0.05)
        raise AssertionError(f"{self.pids()} after {before}")


def _hex(address: tuple[str, int]) -> str:
    """As /proc/net/tcp has it: the address in the machine's byte order."""
    return f"{int.from_bytes(socket.inet_aton(address[0]), 'little'):08X}:{address[1]:04X}"
