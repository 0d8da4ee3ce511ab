"""Waiting for a program to listen on its port."""

import socket
import subprocess
import time
from typing import Any

START_S = 30.0
LOOK_S = 0.03


def wait_for(port: int, process: "subprocess.Popen[Any]") -> None:
    """Until *process* listens on *port* of this machine. Raises RuntimeError when it ends, or doesn't within START_S seconds."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} does not listen on port {port}; exit code {process.poll()}") from None
            time.sleep(LOOK_S)
