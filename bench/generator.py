"""The load generator (bench/c/generator.c) as an object: one method for each of its commands."""

import json
import subprocess
from typing import Any

from bench import processes
from bench.compiled import program
from bench.peers import Route

ANSWER_S = 150.0


class Generator:
    """Receivers on one wire of the server at *port*, on the core of its own. A context manager."""

    def __init__(self, port: int, route: Route, message: str = "", patience_s: float = 4.0):
        arguments = {
            "--port": str(port),
            "--wire": route.wire,
            "--path": route.path,
            "--send": route.send,
            "--ready": route.ready,
            "--publish-path": route.publish_path,
            "--publish-send": route.publish_send,
            "--publish-ready": route.publish_ready,
            "--message": message,
            "--patience-s": str(patience_s),
        }
        if route.validators:
            arguments["--validators"] = "1"
        command = [str(program("generator")), *(part for pair in arguments.items() for part in pair)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=processes.on(processes.cores()[1]),
        )

    def __enter__(self) -> "Generator":
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # it ends with its input
        self._process.wait(10)

    def message(self, text: str) -> None:
        """What is published from now on; {number} in it is replaced."""
        self._tell(f"message {text}")

    def open(self, receivers: int) -> dict[str, Any]:
        return self._tell(f"open {receivers}")

    def closed(self, seconds: float, window: int) -> dict[str, Any]:
        return self._tell(f"closed {seconds} {window}")

    def paced(self, seconds: float, per_s: float) -> dict[str, Any]:
        return self._tell(f"paced {seconds} {per_s}")

    def resume(self, receivers: int, messages: int) -> dict[str, Any]:
        return self._tell(f"resume {receivers} {messages}")

    def connect(self, seconds: float, at_once: int) -> dict[str, Any]:
        return self._tell(f"connect {seconds} {at_once}")

    def idle(self, seconds: float) -> dict[str, Any]:
        return self._tell(f"idle {seconds}")

    def _tell(self, command: str) -> dict[str, Any]:
        """The answer. Raises RuntimeError if the generator gave up."""
        assert self._process.stdin is not None and self._process.stdout is not None and self._process.stderr is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._process.stderr.read().strip() or f"the generator ended at {command!r}")
        return json.loads(line)
