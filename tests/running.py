"""A real server process for tests, with a data folder of its own; it may be killed and started again on the same port."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
API_KEY = "test-key-0123456789abcdef"
START_S = 30.0


class Server:
    """*settings* are ANYWIRE_ variables without the prefix, such as hold_s=1."""

    def __init__(self, **settings: object):
        self.data = Path(tempfile.mkdtemp(prefix="aw-"))
        self.settings = {"publish_per_s": 0, "api_key": API_KEY, "drain_s": 1, "port": 0, "data": self.data, **settings}
        self.process: subprocess.Popen[str] | None = None
        self.port = 0
        self.output: list[str] = []

    @property
    def certificate(self) -> Path | None:
        """What it shows who comes by TLS; None where it speaks without."""
        return self.settings.get("tls_cert")

    @property
    def database(self) -> str:
        """The name of the one that it uses."""
        uri = self.settings.get("mongodb_uri")
        return str(uri).rpartition("/")[2].partition("?")[0] if uri else "anywire"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/websocket"

    def start(self) -> "Server":
        """Returns once it is ready. Raises RuntimeError with its output if it ends instead."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANYWIRE_")}
        environment.update({f"ANYWIRE_{name.upper()}": str(value) for name, value in self.settings.items()})
        environment["PYTHONUNBUFFERED"] = "1"
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "server.py")],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self.process, ready), daemon=True).start()
        deadline = time.monotonic() + START_S
        while not ready.wait(0.05):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start:\n" + "\n".join(self.output[-30:]))
        self.settings["port"] = self.port
        return self

    def _read(self, process: "subprocess.Popen[str]", ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line.rstrip())
            found = re.search(r"ready at https?://\S+:(\d+)/", line)
            if found:
                self.port = int(found[1])
                ready.set()

    @property
    def mongod_pid(self) -> int:
        """Of the embedded mongod, as the server logged it last."""
        return int(re.findall(r"(?:process|mongod) (\d+)(?:, database| accepts)", "\n".join(self.output))[-1])

    def kill(self) -> None:
        """SIGKILL: no drain, no good-bye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def tracebacks(self) -> list[str]:
        """What no input may cause."""
        return [line for line in self.output if "Traceback" in line or " ERROR " in line]

    def close(self) -> None:
        if self.process is not None:
            self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
