"""What mongod writes about itself: kept short on disk, and read to learn why it ended."""

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import BinaryIO

KEEP_BYTES = 8 * 1024 * 1024
"""The log is set aside at this size, and one older one is kept. Quiet, mongod writes 0.7 MB a day (a line per checkpoint)."""

TAIL_BYTES = 256 * 1024
"""A start and its failure take 30 KB; a crash with a stack trace for each thread can take some 100 KB."""


class MongodLog:
    """The file at *path*. `begin` opens it for one run of mongod, `failure` reads what that run said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin = 0

    def begin(self) -> BinaryIO:
        """The file to give mongod as its standard output; close it after the spawn."""
        self.trim()
        file = open(self.path, "ab", opener=_private)  # noqa: SIM115, the caller closes it
        self._begin = file.tell()
        return file

    def trim(self) -> None:
        """Sets the log aside where it has grown. mongod appends, so it goes on at the start of the emptied file."""
        # On a full disk the older log can't be kept; that this one stays short matters more.
        with contextlib.suppress(OSError):
            if self.path.stat().st_size < KEEP_BYTES:
                return
            with contextlib.suppress(OSError):
                shutil.copyfile(self.path, f"{self.path}.old")
            os.truncate(self.path, 0)
            self._begin = 0

    def text(self) -> str:
        """What this run wrote, its last TAIL_BYTES at most."""
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(min(self._begin, size), size - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def failure(self) -> tuple[str, str]:
        """(code of StartError, mongod's own words) of this run's end: the first match of REASONS, or else its last severe line."""
        text = self.text()
        for code, signs in REASONS.items():
            for line in reversed(text.splitlines()):
                if any(sign in line for sign in signs):
                    return code, _words(line)
        severe = [line for line in text.splitlines() if _severe(line)]
        return "mongod-did-not-start", _words((severe or text.strip().splitlines() or ["it wrote nothing"])[-1])


REASONS = {
    "disk-full": ("No space left on device", 'error_code":28,', "Disk quota exceeded"),
    "folder-other-version": (
        "Wrong mongod version",
        "Invalid featureCompatibilityVersion",
        "invalid featureCompatibilityVersion",
        "UPGRADE PROBLEM",
        "version incompatible",
        "unsupported WiredTiger file version",
        "This version of MongoDB is too recent",
    ),
    "folder-in-use": ("DBPathInUse",),
}
"""Words of mongod (4.4 to 8.0) and WiredTiger that tell a reason, by the code it has here.
The order matters: a full disk also breaks locks."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _severe(line: str) -> bool:
    """True for an error or a fatal line, and for what isn't a log entry at all, such as the loader's message."""
    try:
        return json.loads(line)["s"] in ("E", "F")
    except (ValueError, KeyError, TypeError):
        return bool(line.strip())


def _words(line: str) -> str:
    """The sentence in a line of mongod's JSON log (4.4 and later), or the line itself, at most 400 characters of it."""
    try:
        entry = json.loads(line)
        words = ": ".join([entry["msg"], *_detail(entry.get("attr", {}))])
    except (ValueError, KeyError, TypeError, AttributeError):
        words = line.strip()
    return words if len(words) <= 400 else f"{words[:400]}…"


def _detail(attr: dict) -> list[str]:
    """The text among a log entry's attributes, [] or one: which key has it depends on the entry, and WiredTiger nests it once more."""
    for key in ("message", "error", "reason", "errmsg", "msg"):
        value = attr.get(key)
        if isinstance(value, dict):
            return _detail(value)
        if isinstance(value, str):
            return [value]
    return []
