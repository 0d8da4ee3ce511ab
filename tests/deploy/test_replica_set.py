"""deploy/mongod.conf and the steps of docs/operating.md: three members, a key, a user, a server, and a primary that is lost."""

import asyncio
import json
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from store.mongod import find
from tests.browsers.processes import folder, free_port
from tests.deploy.site import ROOT
from tests.handlers.talking import Visitor, eventually
from tests.running import Server

GUIDE = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
START_S = 30


def step(call: str) -> dict:
    """What the guide tells to call *call* with."""
    return json.loads(re.search(rf"^ *{re.escape(call)}\((\{{.+?^ *\}})\)$", GUIDE, re.MULTILINE | re.DOTALL)[1])


class Members:
    """Three of them, on this machine, small, each with the file."""

    def __init__(self, path: Path):
        self.path = path
        self.ports = [free_port() for _ in range(3)]
        self.processes: list[subprocess.Popen[bytes]] = []
        key = path / "mongodb.key"
        key.write_text(secrets.token_hex(256))
        key.chmod(0o400)
        executable = asyncio.run(find()).path
        for port in self.ports:
            data = path / str(port)
            data.mkdir()
            text = (ROOT / "deploy/mongod.conf").read_text()
            places = {"/var/lib/mongodb": data, "/etc/mongodb.key": key, "/var/log/mongodb": data, "port: 27017": f"port: {port}"}
            sizes = {"cacheSizeGB: 4": "cacheSizeGB: 0.25", "oplogSizeMB: 51200": "oplogSizeMB: 64", "bindIp: 0.0.0.0": "bindIp: 127.0.0.1"}
            for was, here in {**places, **sizes}.items():
                assert text.count(was) == 1, was
                text = text.replace(was, str(here))
            (data / "mongod.conf").write_text(text)
            command = [str(executable), "--config", str(data / "mongod.conf"), "--nounixsocket"]
            self.processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def client(self, port: int, **options: object) -> MongoClient:
        return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=START_S * 1000, **options)

    def by_name(self, text: str) -> str:
        """*text* of the guide with these members for its own."""
        for number, port in enumerate(self.ports, 1):
            text = re.sub(rf"mongo{number}\.example\.org(:27017)?", f"127.0.0.1:{port}", text)
        return text

    def primary(self) -> int | None:
        """Its port, as the first one sees it."""
        with self.client(self.ports[0]) as client:
            name = client.admin.command("hello").get("primary", "")
        return int(name.rpartition(":")[2]) if name else None

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def members() -> Iterator[Members]:
    with folder() as path:
        made = Members(path)
        yield made
        made.close()


def test_the_steps_lead_to_a_set_that_survives_its_primary(members):
    with members.client(members.ports[0]) as first:
        first.admin.command("replSetInitiate", json.loads(members.by_name(json.dumps(step("rs.initiate")))))
        primary = eventually(members.primary, START_S)
    administrator, user = (step(f'db.getSiblingDB("{database}").createUser') for database in ("admin", "anywire"))
    with members.client(primary) as client:
        eventually(lambda: client.admin.command("hello")["isWritablePrimary"], START_S)
        create(client.admin, administrator)
        with pytest.raises(OperationFailure):  # who has no password gets nothing now
            client.anywire.log.find_one()
    with members.client(primary, username=administrator["user"], password=administrator["pwd"]) as client:
        create(client.anywire, user)
    uri = members.by_name(re.search(r"ANYWIRE_MONGODB_URI='(.+)'", GUIDE)[1])
    server = Server(mongodb_uri=uri)
    try:
        server.start()
        visitor = Visitor(server)
        assert visitor.publish("chat:set", 1)["offset"] == 1
        members.processes[members.ports.index(primary)].kill()
        began_s = time.monotonic()
        answer = visitor.ask("POST", "/v1/publish", data={"channel": "chat:set", "data": 2, "id": "over-the-election"})
        while answer.status == 503 and time.monotonic() < began_s + START_S:
            time.sleep(0.1)
            answer = visitor.ask("POST", "/v1/publish", data={"channel": "chat:set", "data": 2, "id": "over-the-election"})
        assert answer.status == 200 and answer.json["offset"] == 2
        print(f"publishing goes on {time.monotonic() - began_s:.1f} s after the primary was killed")
        assert [message["data"] for message in visitor.history("chat:set")["messages"]] == [1, 2]
        assert not any(user["pwd"] in line for line in server.output)
    finally:
        server.close()
    assert server.tracebacks() == []


def create(database: Database, user: dict) -> None:
    database.command("createUser", user["user"], pwd=user["pwd"], roles=user["roles"])
