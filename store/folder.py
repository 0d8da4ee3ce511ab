"""The data folder: whose it is, which MongoDB wrote it, how much room it has, and how its socket is reached.

Invariant: whoever holds the lock on `owner` is the only one who starts, stops or ends a mongod in `mongodb/`. The kernel drops
the lock with its holder, so that a `kill -9` leaves nothing to clean up; what the file says is only for the error message.

    data/owner          locked by the server; its pid, host and start
    data/mongodb/       mongod's own, mode 0700, and the socket in it
    data/mongodb.json   the version that wrote it
    data/mongodb.log    what mongod wrote about itself
"""

import asyncio
import datetime
import errno
import fcntl
import json
import os
import socket
import sys
import time
from pathlib import Path

from store.start_error import StartError

SOCKET = "mongod.sock"

SOCKET_PATH_MAX_BYTES = 107 if sys.platform == "linux" else 103
"""sun_path is 108 bytes on Linux and 104 on macOS and the BSDs, one of them for the NUL (unix(7))."""

START_BYTES = 64 * 1024 * 1024
"""mongod needs this to open a folder that it wrote before: a journal file of 16 MB, a checkpoint beside the old one, some room."""

FRESH_BYTES = 320 * 1024 * 1024
"""A new folder is worth a start only with room above the 200 MB below which writes are shed; the files take 20 MB at first."""

DEAD_OWNER_WAIT_S = 5
"""A dead owner's lock can outlive it by a moment, in a child that it forked and that is just ending."""


def free_bytes(folder: Path) -> int:
    """Bytes that an unprivileged process may still write to the file system on which *folder* is. Raises OSError."""
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


class DataFolder:
    def __init__(self, path: Path, *, proc: Path = Path("/proc")) -> None:
        self.path = Path(os.path.abspath(path))
        self.mongodb = self.path / "mongodb"
        self.log_path = self.path / "mongodb.log"
        self._proc = proc
        self._owner_fd: int | None = None
        self._mongodb_fd: int | None = None

    async def claim(self) -> None:
        """Creates the folder and makes this process its owner until `release`.

        Raises StartError: folder-in-use, folder-not-writable, folder-path-too-long.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.mongodb.mkdir(mode=0o700, exist_ok=True)
            # It may have been copied or unpacked with a wider mode: only its owner may reach the socket.
            self.mongodb.chmod(0o700)
            fd = os.open(self.path / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self.unusable(error) from error
        try:
            await self._lock(fd)
            since = datetime.datetime.now(datetime.UTC).isoformat(" ", "seconds").replace("+00:00", " UTC")
            owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
            os.ftruncate(fd, 0)
            os.pwrite(fd, owner.encode(), 0)
        except OSError as error:
            os.close(fd)
            # A full disk still lets an empty file be made: check_space says it better, but comes later.
            raise self._full(FRESH_BYTES) if error.errno == errno.ENOSPC else self.unusable(error) from error
        except BaseException:
            os.close(fd)
            raise
        self._owner_fd = fd

    def release(self) -> None:
        """Gives the folder up. The file stays: removing it would let two processes lock two files of one name."""
        for fd in (self._owner_fd, self._mongodb_fd):
            if fd is not None:
                os.close(fd)
        self._owner_fd = self._mongodb_fd = None

    def free_bytes(self) -> int:
        """Of the folder's file system."""
        return free_bytes(self.path)

    def check_space(self) -> None:
        """Raises StartError disk-full where mongod couldn't start, or could start and write nothing."""
        needed = START_BYTES if self._has_files() else FRESH_BYTES
        if self.free_bytes() < needed:
            raise self._full(needed)

    def check_version(self, version: str) -> None:
        """Raises StartError folder-other-version where another major version than *version* wrote the folder."""
        try:
            written = str(json.loads((self.path / "mongodb.json").read_text())["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return  # Fresh, or put here by hand: mongod itself refuses what it can't read.
        if self._has_files() and _major(written) != _major(version):
            raise self.other_version(f"It was written by MongoDB {written}, and the mongod found here is {version}.")

    def record_version(self, version: str) -> None:
        """Notes that *version* writes the folder; replaced whole, so that a kill leaves the old note or the new one."""
        draft = self.path / "mongodb.json.new"
        draft.write_text(json.dumps({"version": version}) + "\n")
        draft.replace(self.path / "mongodb.json")

    def socket_path(self) -> str:
        """A path to mongod's socket that fits into a socket address and is plain ASCII, as URIs want it; valid until `release`.

        Linux reaches a folder of any length through a descriptor of ours that is open on it. Elsewhere it has to fit:
        raises StartError folder-path-too-long.
        """
        path = str(self.mongodb / SOCKET)
        if path.isascii() and len(path) <= SOCKET_PATH_MAX_BYTES:
            return path
        if (self._proc / "self/fd").is_dir():
            if self._mongodb_fd is None:
                self._mongodb_fd = os.open(self.mongodb, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            # Our pid and not "self", so that workers of ours can use the same URI.
            return f"{self._proc}/{os.getpid()}/fd/{self._mongodb_fd}/{SOCKET}"
        size = len(os.fsencode(path))
        if size <= SOCKET_PATH_MAX_BYTES:
            return path
        raise StartError(
            "folder-path-too-long",
            f"The path of the data folder is too long: {self.path}\n"
            f"The socket in it would have {size} bytes, and this system allows {SOCKET_PATH_MAX_BYTES}. "
            f"Set ANYWIRE_DATA to a path that is at least {size - SOCKET_PATH_MAX_BYTES} bytes shorter.",
        )

    def other_version(self, detail: str) -> StartError:
        """The StartError that names both versions."""
        return StartError(
            "folder-other-version",
            f"The data folder {self.path} belongs to another version of MongoDB. {detail}\n"
            "Either install the version that wrote it, or set ANYWIRE_DATA to a new, empty folder, "
            "or take the data along with mongodump and mongorestore of the version that wrote it.",
        )

    def in_use(self, detail: str) -> StartError:
        """The StartError that says who has the folder."""
        return StartError(
            "folder-in-use",
            f"The data folder {self.path} is in use: {detail}\nStop that one first, or set ANYWIRE_DATA to a folder of this server's own.",
        )

    async def _lock(self, fd: int) -> None:
        deadline = time.monotonic() + DEAD_OWNER_WAIT_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                owner = _owner(fd)
                if owner.get("host") != socket.gethostname() or _alive(owner.get("pid")) or time.monotonic() > deadline:
                    raise self.in_use(
                        f"the Anywire server with process id {owner.get('pid', 'unknown')} on {owner.get('host', 'some host')} "
                        f"has owned it since {owner.get('since', 'a moment ago')}."
                    ) from None
            await asyncio.sleep(0.02)

    def _has_files(self) -> bool:
        return (self.mongodb / "WiredTiger").exists()

    def unusable(self, error: OSError) -> StartError:
        """The StartError for what the system said to an access of ours."""
        if error.errno == errno.ENAMETOOLONG:
            text = f"The path of the data folder is too long for this file system: {self.path}\nSet ANYWIRE_DATA to a shorter one."
            return StartError("folder-path-too-long", text)
        if error.errno == errno.ENOSPC:
            return self._full(FRESH_BYTES)
        kind = "is not a folder" if isinstance(error, FileExistsError | NotADirectoryError) else "can't be written"
        return StartError(
            "folder-not-writable",
            f"The data folder {self.path} {kind}: {error.strerror} ({error.filename or self.path}).\n"
            "Set ANYWIRE_DATA to a folder that this user may create and write, or change its owner.",
        )

    def _full(self, needed: int) -> StartError:
        return StartError(
            "disk-full",
            f"The disk is full: {self.free_bytes() // 1_000_000} MB are free where the data folder {self.path} is, "
            f"and the database needs {needed // 1_000_000} MB to start.\n"
            "Free some space, or set ANYWIRE_DATA to a folder on another disk.",
        )


def _major(version: str) -> str:
    """MongoDB's major version: "6.0" of "6.0.5"."""
    return ".".join(version.split(".")[:2])


def _owner(fd: int) -> dict:
    try:
        owner = json.loads(os.pread(fd, 4096, 0))
    except ValueError:
        return {}  # Locked and not yet written, or written by something else.
    return owner if isinstance(owner, dict) else {}


def _alive(pid: object) -> bool:
    """True also for what isn't a pid: then nobody is known to be dead."""
    if not isinstance(pid, int) or pid <= 0:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
