"""edbrowse, a browser of lines: commands on stdin, pages on stdout. It runs scripts, unless told not to, without WebSocket,
EventSource and fetch, and shows elements that are hidden."""

import contextlib
import itertools
import os
import queue
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from tests.required import missing

WAIT_S = 20.0
AGAIN_S = 0.2


class Edbrowse:
    """In *folder*, its home."""

    def __init__(self, folder: Path, *, scripts: bool):
        self.has_scripts = scripts
        program = shutil.which("edbrowse")
        if program is None:
            missing("edbrowse", "edbrowse")
        (folder / ".ebrc").write_text("webtimer=20\n")
        self._process = subprocess.Popen(
            [program],
            env={**os.environ, "HOME": str(folder), "LANG": "C.UTF-8"},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._marks = itertools.count()
        threading.Thread(target=self._read, daemon=True).start()
        self.do("js+" if scripts else "js-")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def _send(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def do(self, command: str) -> str:
        """What it prints. The mark behind it is sent until it comes back: what arrives together with an earlier line is read only
        when more arrives."""
        mark = f"mark-{next(self._marks)}-"
        said: list[str] = []
        self._send(command)
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            self._send(f"!echo {mark}")
            with contextlib.suppress(queue.Empty):
                while True:
                    line = self._lines.get(timeout=AGAIN_S)
                    if line == mark:
                        return "\n".join(line for line in said if line != "ok" and not line.startswith("mark-"))
                    said.append(line)
        raise AssertionError(f"edbrowse doesn't answer to {command!r}: {said}")

    def open(self, url: str) -> None:
        self.do(f"b {url}")

    def page(self) -> str:
        return self.do(",p")

    def until(self, pattern: str) -> str:
        """The page, once it shows *pattern*."""
        deadline = time.monotonic() + WAIT_S
        while not re.search(pattern, page := self.page()):
            assert time.monotonic() < deadline, f"{pattern} is not in {page}"
        return page

    def at(self, line: str, command: str) -> None:
        """Goes to the first line that *line* describes, and does something there."""
        self.do("1")
        assert re.search(line, self.do(f"/{line}/")), f"no line has {line}"
        self.do(command)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._send("qt")
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
