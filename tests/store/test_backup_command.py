"""`make backup` and `make restore`: real servers, real files, real kills."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from pymongo import MongoClient

from protocol.message import encode_messages
from protocol.positions import Position
from store.archive import Archive
from store.chunks import chunk_document
from tests.running import API_KEY, ROOT, Server
from tests.store.backing_up import uri_of

SAMPLE_MESSAGES = 100_000
PER_CHUNK = 500
MESSAGE_BYTES = 1600
MAX_RSS_KB = 165_000
"""Python with the driver takes 48 MB, MongoDB's answers of up to 16 MB and what becomes of them another 100, however much is
copied: here 180 MB."""


def started(*arguments: object, **settings: object) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANYWIRE_")}
    environment.update({f"ANYWIRE_{name.upper()}": str(value) for name, value in settings.items()})
    command = [sys.executable, str(ROOT / "backup.py"), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: object, fails: bool = False, **settings: object) -> str:
    """What it said; it ended well, or not, as expected."""
    process = started(*arguments, **settings)
    output, errors = process.communicate(timeout=60)
    assert bool(process.returncode) == fails and "Traceback" not in errors, (output, errors)
    return errors if fails else output


def ask(server: Server, path: str, body: object = None, **headers: str) -> dict:
    request = urllib.request.Request(server.url + path, json.dumps(body).encode() if body is not None else None, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def publish(server: Server, data: object, id: str) -> dict:
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    return ask(server, "/v1/publish", {"channel": "chat:x", "data": data, "id": id}, **headers)


def poll(server: Server, start: str) -> tuple[bool, list]:
    """Whether the position was good, and the messages that follow."""
    events = ask(server, f"/v1/short-poll?sub=chat:x@{start}")["events"]
    recovered = all(event["recovered"] for event in events if event["type"] == "subscribed")
    return recovered, [event["data"] for event in events if event["type"] == "message"]


def test_from_a_running_server_to_a_new_one(start_server, tmp_path):
    server = start_server()
    receipts = [publish(server, number, f"id-{number}") for number in range(5)]
    with urllib.request.urlopen(server.url + "/v1/short-poll?sub=chat:x") as answer:
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        user = next(event["user"]["id"] for event in json.load(answer)["events"] if event["type"] == "hello")
    said = run("backup", tmp_path, data=server.data)
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"anywire-\d{8}-\d{6}\.backup", path.name)
    assert said.startswith(f"{path}: ") and "log 5" in said
    publish(server, "later", "id-later")
    assert "is in use: the Anywire server" in run("restore", path, fails=True, data=server.data)

    fresh = Server()
    try:
        assert "log 5" in run("restore", path, data=fresh.data)
        fresh.start()
        assert poll(fresh, receipts[1]["position"]) == (False, [0, 1, 2, 3, 4])
        assert poll(fresh, receipts[-1]["position"]) == (False, [0, 1, 2, 3, 4])
        again = publish(fresh, 4, "id-4")
        assert again["duplicate"] and again["offset"] == 5 and again["position"] != receipts[4]["position"]
        assert poll(fresh, again["position"]) == (True, [])
        assert publish(fresh, "goes on", "id-5")["offset"] == 6
        hello = ask(fresh, "/v1/short-poll?sub=chat:x", Cookie=cookie)["events"][0]
        assert hello["user"]["id"] == user  # the key that signs the cookies came along
        assert fresh.tracebacks() == []
    finally:
        fresh.close()
    assert poll(server, receipts[-1]["position"]) == (True, ["later"])
    assert server.tracebacks() == []


def test_a_folder_that_no_server_has_and_one_with_a_long_path(tmp_path):
    data = tmp_path / ("long" * 40)
    assert "holds no database" in run("backup", tmp_path / "x", fails=True, data=data)
    assert not data.exists()
    server = Server(data=data)
    with contextlib.closing(server.start()):
        publish(server, 1, "id-1")
        run("backup", tmp_path / "while it runs", data=data)
        server.kill()
        run("backup", tmp_path / "after a kill", data=data)
        assert "there already" in run("backup", tmp_path / "after a kill", fails=True, data=data)
        assert "FORCE=1" in run("restore", tmp_path / "after a kill", fails=True, data=data)
        run("restore", tmp_path / "while it runs", "--force", data=data)
        server.start()
        assert poll(server, "0") == (True, [1])
    for name in ("while it runs", "after a kill"):
        assert [collection for collection, _ in Archive(tmp_path / name).documents() if collection == "log"] == ["log"]
    (tmp_path / "x").write_bytes((tmp_path / "after a kill").read_bytes()[:-1])
    assert "damaged" in run("restore", tmp_path / "x", fails=True, data=tmp_path / "unused")
    assert not (tmp_path / "unused").exists()


@pytest.fixture
def big(mongo_uri, tmp_path):
    """The URI of a database with a hundred thousand messages, and of an empty one."""
    client = MongoClient(mongo_uri)
    names = [f"test-{os.getpid()}-{name}" for name in ("big", "empty")]
    database = client[names[0]]
    database.meta.insert_one({"_id": "anywire", "epoch": "abcdefgh", "secret": b"s" * 32, "schema": 1})
    now = time.time_ns() // 1_000_000  # a server trims what is old
    for first in range(1, SAMPLE_MESSAGES, PER_CHUNK):
        texts = [os.urandom(MESSAGE_BYTES // 2).hex() for _ in range(PER_CHUNK)]
        contents = [(f"{number}", {"id": "u_1", "name": ""}, f'"{text}"'.encode()) for number, text in enumerate(texts)]
        messages = encode_messages("message", "chat:x", Position("abcdefgh", first), now, contents)
        database.log.insert_one(chunk_document("chat:x", "abcdefgh", messages, [], now, b"w", b"p"))
    yield [uri_of(mongo_uri, name) for name in names]
    for name in names:
        client.drop_database(name)
    client.close()


def memory_kb(*arguments: object, uri: str) -> int:
    """The most that the command had in memory at once; what wait4 says would count what this process had when it forked."""
    process = started(*arguments, mongodb_uri=uri)
    most = 0
    while process.poll() is None:
        with contextlib.suppress(OSError):
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            most = max(most, int(found[1]) if found else 0)
        time.sleep(0.02)
    assert process.returncode == 0, process.stderr.read()
    return most


def test_memory_stays_flat_and_a_kill_in_the_middle_of_a_restore_leaves_a_mark(big, tmp_path):
    full, empty = big
    path = tmp_path / "x"
    assert memory_kb("backup", path, uri=full) < MAX_RSS_KB
    assert memory_kb("restore", path, uri=empty) < MAX_RSS_KB

    database = MongoClient(empty).get_default_database()
    restoring = started("restore", path, "--force", mongodb_uri=empty)
    chunks = SAMPLE_MESSAGES // PER_CHUNK
    while not 0 < database.log.estimated_document_count() < chunks:  # which a drop in the middle doesn't disturb
        assert restoring.poll() is None, restoring.communicate()
    restoring.send_signal(signal.SIGKILL)
    assert restoring.wait() == -signal.SIGKILL
    assert 0 < database.log.count_documents({}) < chunks
    marked = database.meta.find_one()
    server = Server(mongodb_uri=empty)
    with pytest.raises(RuntimeError, match="can't start: The database .* holds a part of a backup: restoring x, begun at") as refused:
        server.start()
    assert "Traceback" not in str(refused.value) and server.process.wait(10) == 1
    assert "make restore FROM=" in run("backup", tmp_path / "y", fails=True, mongodb_uri=empty)
    run("restore", path, mongodb_uri=empty)
    server.start()
    try:
        assert ask(server, "/v1/history?channel=chat:x&limit=1")["messages"][0]["offset"] == SAMPLE_MESSAGES
        assert marked["epoch"] != database.meta.find_one()["epoch"]
    finally:
        server.close()


def test_a_backup_that_is_stopped_leaves_no_file(big, tmp_path):
    backing_up = started("backup", tmp_path / "x", mongodb_uri=big[0])
    while not any(path.stat().st_size > 1_000_000 for path in tmp_path.iterdir()):
        assert backing_up.poll() is None, backing_up.communicate()
    backing_up.send_signal(signal.SIGTERM)
    _, errors = backing_up.communicate(timeout=20)
    assert backing_up.returncode == 1 and "Interrupted" in errors and "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "command"),
    [
        (["backup"], "backup.py backup"),
        (["backup", "TO=some where"], 'backup.py backup "some where"'),
        (["restore", "FROM=x"], 'backup.py restore "x"'),
        (["restore", "FROM=x", "FORCE=0"], 'backup.py restore "x"'),
        (["restore", "FROM=x", "FORCE=1"], 'backup.py restore "x" --force'),
    ],
)
def test_what_make_runs(target, command):
    command_line = ["make", "-n", "--no-print-directory", *target]
    lines = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[-1].strip() == f".venv/bin/python {command}"
