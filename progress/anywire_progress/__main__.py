"""`some-command | anywire-progress --lines`, or `anywire-progress --lines -- some-command`: passes on, and counts, what it reads."""

from __future__ import annotations

import argparse
import os
import select
import subprocess
import sys

from anywire_progress.job import Cancelled, Progress
from anywire_progress.sender import EVERY_S

CHUNK_BYTES = 65536
BROKEN_PIPE = 141
INTERRUPTED = 130
NOT_FOUND = 127
"""Exit codes as a shell has them."""


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        command = subprocess.Popen(options.command, stdout=subprocess.PIPE) if options.command else None
    except OSError as error:
        print(f"anywire-progress: {error}", file=sys.stderr)
        return NOT_FOUND
    title = options.title or " ".join(options.command) or "Standard input"
    code = 0
    try:
        with Progress(None, title, options.total, "B" if options.bytes else "lines", options.url) as progress:
            try:
                _pass_on(command.stdout.fileno() if command and command.stdout else 0, progress, options.bytes)
            except BrokenPipeError:  # who reads us has enough
                progress.close()
                code = BROKEN_PIPE
            if command and not code:
                code = _shell_code(command.wait())
                progress.close(f"Exit code {code}" if code else None)
    except (Cancelled, KeyboardInterrupt):
        code = INTERRUPTED
    if command and command.poll() is None:
        command.terminate()
    return code


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="anywire-progress", description=__doc__.replace("`", ""))
    unit = parser.add_mutually_exclusive_group()
    unit.add_argument("--lines", action="store_true", help="count lines (the default)")
    unit.add_argument("--bytes", action="store_true", help="count bytes")
    parser.add_argument("--title", help="what the page calls it")
    parser.add_argument("--total", type=float, help="how many there will be")
    parser.add_argument("--url", help="the server; default: ANYWIRE_URL")
    parser.add_argument("command", nargs="*", help="run this and pass on its output and exit code; default: pass on standard input")
    return parser.parse_args(arguments)


def _pass_on(source: int, progress: Progress, is_bytes: bool) -> None:
    """Raises BrokenPipeError, Cancelled."""
    last = b"\n"
    while True:
        progress.update(0)
        if not select.select([source], [], [], EVERY_S)[0]:
            continue
        chunk = os.read(source, CHUNK_BYTES)
        if not chunk:
            break
        last = chunk[-1:]
        count = len(chunk) if is_bytes else chunk.count(b"\n")
        while chunk:
            chunk = chunk[os.write(1, chunk) :]
        progress.update(count)
    if not is_bytes and last != b"\n":
        progress.update(1)


def _shell_code(code: int) -> int:
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
