"""edbrowse, a browser for the terminal with neither WebSocket nor EventSource, driven by what one would type.

It is as much of a Selenium driver as a trial needs. Each page is opened in an edbrowse of its own, without cookies.
"""

import json
import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from selenium.common.exceptions import WebDriverException

MARK = "=> "
END = "bye"
"""What it says when its debugger is left."""
QUIT_S = 5
SAYS_S = 30


class EdBrowse:
    def __init__(self, binary: str):
        self._binary = binary
        self._home = Path(tempfile.mkdtemp(prefix="aw-edbrowse-"))
        (self._home / ".ebrc").write_text("")
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal = self._keys = -1
        self._read = b""

    def get(self, url: str) -> None:
        self._end()
        self._terminal, its = os.openpty()  # to a pipe it says nothing before it ends
        keys, self._keys = os.pipe2(os.O_DIRECT)  # one write is one read: what it has read ahead, it forgets while timers run
        self._process = subprocess.Popen(
            [self._binary],
            stdin=keys,
            stdout=its,
            stderr=subprocess.STDOUT,
            cwd=self._home,
            env={**os.environ, "HOME": str(self._home)},
        )
        os.close(its)
        os.close(keys)
        self._type(f"b {url}")

    def execute_script(self, script: str, *arguments: object) -> Any:
        """In its debugger, which reads a line and prints what that is."""
        function = f"new Function({json.dumps(script)})"
        self._type("jdb", f"{json.dumps(MARK)} + JSON.stringify([{function}.apply(window, {json.dumps(arguments)})])", ".")
        lines: list[str] = []
        while END not in lines:
            lines.append(self._line())
        found = [line for line in lines if line.startswith(MARK)]
        if not found:
            raise WebDriverException("\n".join(lines))
        return json.loads(found[-1].removeprefix(MARK))[0]

    def delete_all_cookies(self) -> None:
        """There are none yet: see above."""

    def quit(self) -> None:
        self._end()
        shutil.rmtree(self._home, ignore_errors=True)

    def _type(self, *lines: str) -> None:
        try:
            for line in lines:
                data = f"{line}\n".encode()
                for start in range(0, len(data), select.PIPE_BUF):
                    os.write(self._keys, data[start : start + select.PIPE_BUF])
        except BrokenPipeError as error:
            raise WebDriverException("edbrowse has ended") from error

    def _line(self) -> str:
        while b"\n" not in self._read:
            if not select.select([self._terminal], [], [], SAYS_S)[0]:
                raise WebDriverException(f"edbrowse says nothing after {self._read!r}")
            self._read += os.read(self._terminal, 65536)
        line, _, self._read = self._read.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def _end(self) -> None:
        if self._process is None:
            return
        os.close(self._keys)  # it quits at the end of its input
        try:
            self._process.wait(QUIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._terminal)
        self._read = b""
        self._process = None
