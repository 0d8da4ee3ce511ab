"""Scripts that report, and what the server then shows of their jobs."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.handlers.talking import PATIENCE_S, eventually

FOLDER = Path(__file__).resolve().parents[2] / "progress"
PREPARED = """
import logging, time
from anywire_progress import Cancelled, Progress, track
logging.basicConfig(level=logging.INFO)
"""
"""Makes the links of a script's jobs show."""


def shown(url: str, id: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/v1/jobs/{id}", timeout=PATIENCE_S) as answer:
        return json.load(answer)


def ended(url: str, progress: Any) -> dict[str, Any]:
    """The last state of a job of this process, as the server has it."""

    def last() -> dict[str, Any] | None:
        state = shown(url, progress.id) if progress.id else None
        return state if state and state["state"] in ("done", "failed", "cancelled") else None

    return eventually(last)


def cancel(url: str, id: str) -> None:
    """As its page does."""
    request = urllib.request.Request(f"{url}/v1/jobs/{id}/cancel", b"{}", {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()


class Script:
    """*code* in a process of its own, which reports to *url*."""

    def __init__(self, url: str | None, code: str):
        environment = {name: value for name, value in os.environ.items() if name != "ANYWIRE_URL"}
        environment |= {"PYTHONPATH": str(FOLDER)} | ({} if url is None else {"ANYWIRE_URL": url})
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", PREPARED + code],
            env=environment,
            text=True,
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE),
        )

    def __enter__(self) -> "Script":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        """The next one that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, line: str = "") -> None:
        """What it reads next."""
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)

    def end(self) -> tuple[int, str]:
        """Its exit code, and what it said of itself."""
        _, errors = self.process.communicate(timeout=3 * PATIENCE_S)
        return self.process.returncode, errors


def run(url: str | None, code: str) -> tuple[int, list[str], str]:
    """The exit code of a script, the ids of its jobs as they were made, and its errors."""
    with Script(url, code) as script:
        code_, errors = script.end()
    return code_, re.findall(r"/progress\?job=(\S+)", errors), errors
