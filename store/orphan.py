"""The mongod that a killed server left behind, ended before the next one starts.

On Linux the kernel ends it together with its server (embedded.py), and this finds something only in the moment between.
Elsewhere it lives on. Only a process that is surely ours is touched: its id stands in mongod's own lock file,
and it works in our folder, which our lock says is nobody else's.
"""

import asyncio
import logging
import os
import signal
import subprocess
import time
from pathlib import Path

log = logging.getLogger(__name__)

CLEAN_STOP_S = 5
"""A mongod of ours stops in 1.0 s; what takes longer is ended with SIGKILL, which loses nothing that was acknowledged."""


async def end(folder: Path) -> bool:
    """Ends the mongod that still works in *folder*, and waits until it is gone; True if there was one."""
    pid = _pid(folder)
    if pid is None or not works_in(pid, folder):
        return False
    log.warning("ending mongod %d, which a server that was killed left behind in %s", pid, folder)
    for number, patience_s in ((signal.SIGTERM, CLEAN_STOP_S), (signal.SIGKILL, CLEAN_STOP_S)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if not works_in(pid, folder):
                return True
            await asyncio.sleep(0.01)
    return True  # Not even SIGKILL: it hangs in the kernel, and mongod's own lock will say the rest.


def works_in(pid: int, folder: Path) -> bool:
    """True where process *pid* lives (a zombie doesn't), is a mongod, and has *folder* as its working directory."""
    try:
        name, cwd = _from_proc(pid) if os.path.isdir("/proc/self") else _from_lsof(pid)
        return name.startswith("mongod") and os.path.samefile(cwd, folder)
    except (OSError, subprocess.TimeoutExpired):
        return False


def _from_proc(pid: int) -> tuple[str, str]:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    return os.path.basename(command.decode(errors="replace")), f"/proc/{pid}/cwd"


def _from_lsof(pid: int) -> tuple[str, str]:
    """As `_from_proc`, on macOS, where lsof is part of the system. Its fields: p<pid>, c<command>, f<descriptor>, n<name>."""
    command = ["lsof", "-a", "-p", str(pid), "-d", "cwd", "-F", "cn"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    fields = {line[:1]: line[1:] for line in output.splitlines()}
    return fields.get("c", ""), fields.get("n", "")


def _pid(folder: Path) -> int | None:
    """The id in mongod's lock file, which it empties when it stops cleanly."""
    try:
        pid = int((folder / "mongod.lock").read_text())
    except (OSError, ValueError):
        return None
    return pid if pid > 0 else None
