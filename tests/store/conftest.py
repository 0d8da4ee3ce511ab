"""A real MongoDB for the storage tests: one for the whole session, and more for those that need one of a special kind.

The pattern for an asynchronous test, on pytest-tornado's `io_loop`, once per driver where it asks for `driver` or `database`:

    @pytest.mark.gen_test(timeout=10)
    async def test_something(database):
        await database.log.insert_one({"_id": 1})

An asynchronous fixture is a plain one that takes `io_loop` and calls `io_loop.run_sync`; see `connection`.
Clients belong to the test's own loop: never share one between tests.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from store import embedded as owner
from store import mongod
from store.connect import Connection, connect
from store.drivers import DRIVERS
from store.embedded import Embedded
from store.folder import DataFolder
from tests.required import REQUIRED
from tests.store.owned import connected


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a short path, as sockets want it."""
    path = Path(tempfile.mkdtemp(prefix="aw-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def mongo_uri() -> Iterator[str]:
    """One embedded mongod for all tests that only need a database. It runs on a loop of its own, since each test has another."""
    path = Path(tempfile.mkdtemp(prefix="aw-", dir="/tmp"))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mongod of the test session")
    thread.start()

    async def start() -> Embedded:
        embedded = Embedded(DataFolder(path), await mongod.find(), "pymongo")
        await embedded.start()
        return embedded

    try:
        embedded = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
        yield embedded.uri
        asyncio.run_coroutine_threadsafe(embedded.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(params=DRIVERS)
def driver(request) -> str:
    return request.param


@pytest.fixture
def connection(io_loop, mongo_uri, driver) -> Iterator[Connection]:
    """A Connection of the test's own to a fresh database, which is dropped afterwards."""
    made = io_loop.run_sync(lambda: connect(uri=mongo_uri, data=Path("/nowhere"), driver=driver, database=f"test-{uuid.uuid4().hex[:12]}"))
    yield made
    io_loop.run_sync(lambda: made.writer.drop_database(made.database.name))
    io_loop.run_sync(made.close)


@pytest.fixture
def database(connection):
    """The fresh database of `connection`."""
    return connection.database


@pytest.fixture
def hasty(monkeypatch):
    """Stops by SIGKILL after a moment, since a clean stop takes a second: each start that follows is one after a crash."""
    monkeypatch.setattr(owner, "STOP_DEADLINE_S", 0.02)
    monkeypatch.setattr(owner, "LOG_CHECK_S", 0.1)


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    """A folder that a server wrote one document to and left cleanly."""
    path = tmp_path_factory.mktemp("written")

    async def write() -> None:
        async with connected(path) as made:
            await made.database.things.insert_one({"_id": 1})

    asyncio.run(write())
    return path


@pytest.fixture
def written_folder(written, folder) -> Path:
    """A copy of `written`, the test's own."""
    return shutil.copytree(written, folder / "written")


class Raw:
    """A mongod started by hand, with *options*, in *folder*."""

    def __init__(self, folder: Path, *options: str, socket_name: str = "raw.sock") -> None:
        folder.mkdir(exist_ok=True)
        self.socket_path = folder / socket_name
        self.uri = f"mongodb://{quote(str(self.socket_path), safe='')}/"
        command = [mongod.candidates()[0], "--dbpath", ".", "--bind_ip", f"./{socket_name}", "--unixSocketPrefix", ".", "--quiet"]
        command += ["--oplogSize", "64", "--setParameter", "diagnosticDataCollectionEnabled=false", *options]
        with open(folder / "raw.log", "wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not _listens(self.socket_path):
            assert self.process.poll() is None and time.monotonic() < deadline, (folder / "raw.log").read_text()[-3000:]
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def raw_mongod() -> Iterator[Callable[..., Raw]]:
    """Starts a Raw; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(*args: object, **options: object) -> Raw:
            raw = Raw(*args, **options)
            stack.callback(raw.kill)
            return raw

        yield start


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


@pytest.fixture
def small_disk(folder) -> Iterator[Callable[[int], Path]]:
    """Mounts a real, empty file system of so many MB. Where nothing may be mounted the test fails if all of them are required."""
    mounted: list[Path] = []
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]

    def mount(size_mb: int) -> Path:
        path = folder / "disk"
        path.mkdir()
        command = [*sudo, "mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0777", "tmpfs", str(path)]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
            problem = result.stderr.strip() if result.returncode else ""
        except FileNotFoundError as error:
            problem = str(error)
        if problem:
            text = f"no small file system to fill: {problem}. Run the tests as root, or in 'unshare --user --map-root-user --mount'."
            pytest.fail(text) if REQUIRED else pytest.skip(text)
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run([*sudo, "umount", "--lazy", str(path)], check=True, timeout=10)
