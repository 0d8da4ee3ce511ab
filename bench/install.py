"""Brings the servers that are compared with into build/bench/: from PyPI, npm and Debian's packages; nothing else changes.

    python -m bench.install

What can't be had is said, and is named in the table.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.compiled import BUILD, ROOT

REQUIREMENTS = ROOT / "requirements" / "bench.txt"
NODE_PACKAGES = ("ws@8.23.0", "socket.io@4.8.4")
DEBIAN_PACKAGES = (
    *("nginx", "libnginx-mod-nchan"),
    *("redis-server", "redis-tools", "libjemalloc2", "liblua5.1-0", "liblzf1", "lua-cjson", "lua-bitop"),
)
"""nginx and Redis, with the libraries that a plain Debian lacks."""
NETWORK_S = 300


def python() -> None:
    folder = BUILD / "venv"
    if not (folder / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True, text=True)
    tell_pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
    subprocess.run(tell_pip, check=True, capture_output=True, text=True, timeout=NETWORK_S)


def node() -> None:
    folder = BUILD / "node"
    folder.mkdir(exist_ok=True)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix", str(folder), *NODE_PACKAGES]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=NETWORK_S)


def debian() -> None:
    folder = BUILD / "debian"
    folder.mkdir(exist_ok=True)
    command = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *DEBIAN_PACKAGES]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=NETWORK_S, cwd=folder)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True, capture_output=True, text=True)


SOURCES: dict[str, tuple[Callable[[], None], tuple[str, ...], str]] = {
    "python": (python, (), REQUIREMENTS.read_text()),
    "node": (node, ("node", "npm"), " ".join(NODE_PACKAGES)),
    "debian": (debian, ("apt-get", "dpkg"), " ".join(DEBIAN_PACKAGES)),
}
"""By what, with which programs, and what of; when that changes, it is brought again."""


def bring(name: str) -> str:
    """Why *name* isn't there; "" when it is."""
    by, programs, what = SOURCES[name]
    stamp = BUILD / f"{name}.installed"
    if stamp.exists() and stamp.read_text() == what:
        return ""
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        return f"no {' and '.join(absent)} here"
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        by()
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout or "").strip().splitlines()[-1:]
        return f"{Path(error.cmd[0]).name} failed: {''.join(last)}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    stamp.write_text(what)
    return ""


def install() -> dict[str, str]:
    """Each source and why it isn't there, "" for those that are."""
    found = {}
    for name in SOURCES:
        found[name] = bring(name)
        if found[name]:
            print(f"Without the servers from {name}: {found[name]}", file=sys.stderr)
    return found


if __name__ == "__main__":
    raise SystemExit(any(install().values()))
