"""A server of bench/peers.py while it runs, on the core of its own."""

import resource
import shutil
import tempfile
from pathlib import Path

from bench import processes
from bench.compiled import BUILD, program
from bench.listening import wait_for
from bench.peers import DEBIAN, HELPERS, PEERS, Server


class Running:
    """From when it listens until it is stopped. A context manager. Raises RuntimeError if it doesn't start."""

    def __init__(self, server: Server):
        BUILD.mkdir(parents=True, exist_ok=True)
        self.server = server
        self.port = processes.free_port()
        self.data = Path(tempfile.mkdtemp(prefix="aw-", dir=BUILD))
        self._log = (BUILD / f"{server.name.replace(' ', '-').replace('/', '-')}.log").open("a")
        self._started: list[processes.Process] = []
        try:
            helper_port = processes.free_port()
            if server.helper:
                self._start(HELPERS[server.helper], helper_port, server.environment)
            if server.template:
                (self.data / "configuration").write_text(self._filled((PEERS / server.template).read_text(), self.port))
            self._environment = {**server.environment, f"{server.helper.upper()}_PORT": str(helper_port)}
            self._start(server.command, self.port, self._environment)
        except RuntimeError:
            self.close()
            raise

    def _start(self, command: tuple[str, ...], port: int, environment: dict[str, str]) -> None:
        filled = {name: self._filled(value, port) for name, value in environment.items()}
        process = processes.spawn([self._filled(part, port) for part in command], processes.cores()[0], filled, self._log)
        self._started.append(process)
        wait_for(port, process)

    def _filled(self, text: str, port: int) -> str:
        values = {
            "{floor}": program("floor"),
            "{port}": port,
            "{data}": self.data,  # an empty folder
            "{debian}": DEBIAN,
            "{libraries}": ":".join(str(path) for path in DEBIAN.glob("usr/lib/*-linux-gnu")),
            "{files}": resource.getrlimit(resource.RLIMIT_NOFILE)[0],  # how many it may open
        }
        for name, value in values.items():
            text = text.replace(name, str(value))
        return text

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def kill_and_start_again(self) -> None:
        """SIGKILL to the server alone; it finds what it had stored."""
        process = self._started.pop()
        process.kill()
        process.wait(10)
        self._start(self.server.command, self.port, self._environment)

    @property
    def pids(self) -> list[int]:
        return [pid for process in self._started for pid in processes.tree(process.pid)]

    def cpu_s(self) -> float:
        return processes.cpu_s(self.pids)

    def pss_kb(self) -> int:
        return processes.pss_kb(self.pids)

    def close(self) -> None:
        for process in reversed(self._started):
            processes.stop(process)
        self._log.close()
        shutil.rmtree(self.data, ignore_errors=True)
