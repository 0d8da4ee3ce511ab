"""The two programs in C, compiled into build/bench/ when their sources are newer."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
SOURCES = ROOT / "bench" / "c"
PROGRAMS = {"generator": ("generator.c", "connection.c", "tally.c"), "floor": ("floor.c",)}
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")


def program(name: str) -> Path:
    """The path of the compiled program. Raises SystemExit where it can't be compiled."""
    target = BUILD / name
    newest = max(path.stat().st_mtime for path in SOURCES.iterdir())
    if not target.exists() or target.stat().st_mtime < newest:
        BUILD.mkdir(parents=True, exist_ok=True)
        compiled(name, target)
    return target


def compiled(name: str, target: Path) -> None:
    """Writes the program to *target*. Raises SystemExit where it can't, and for a warning, too."""
    if not sys.platform.startswith("linux"):
        raise SystemExit("The bench needs Linux: it counts with epoll and /proc.")
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit(
            "The bench needs a C compiler: none is on PATH as cc. On Debian and Ubuntu 'apt-get install gcc libc6-dev' brings it."
        )
    sources = [str(SOURCES / source) for source in PROGRAMS[name]]
    done = subprocess.run([compiler, *FLAGS, "-o", str(target), *sources], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"cc failed:\n{done.stderr}")
