"""On what and with which versions a bench was run."""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from bench.compiled import BUILD
from bench.peers import PYTHON


def machine() -> dict[str, str]:
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text())
    system = re.search(r'PRETTY_NAME="(.+)"', Path("/etc/os-release").read_text())
    return {
        "CPU": cpu[1] if cpu else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / 2**20:.0f} GB" if memory else "",
        "kernel": platform.release(),
        "system": system[1] if system else platform.system(),
        "compiler": _said("cc", "--version").partition("\n")[0],
    }


def versions() -> dict[str, str]:
    """Python, Node, and each package of those that are compared, ours included: name → version."""
    found = {"Python": platform.python_version(), "Node": _said("node", "--version").removeprefix("v")}
    for python in (sys.executable, PYTHON):  # theirs wins where both have it
        listed = _said(python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check") or "[]"
        found |= {package["name"]: package["version"] for package in json.loads(listed)}
    for description in (BUILD / "node" / "node_modules").glob("*/package.json"):
        package = json.loads(description.read_text())
        found[package["name"]] = package["version"]
    for package in (BUILD / "debian").glob("*.deb"):
        name, _, rest = package.name.partition("_")
        found[name] = rest.partition("_")[0].removeprefix("1%3a").removeprefix("5%3a")
    return found


def _said(*command: str) -> str:
    """What a program prints; "" if it isn't there or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
