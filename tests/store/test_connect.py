"""connect() against real deployments of every kind: each that can't be used has its own error, which never shows a password."""

import asyncio
from pathlib import Path

import pytest
from pymongo.errors import OperationFailure, PyMongoError

from store import embedded, orphan
from store.connect import WRITER, Connection, StartError, connect, redact
from store.drivers import client, settle
from store.folder import DataFolder
from store.start_error import CODES

NOWHERE = Path("/nowhere")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Gives up after a tenth of the time: what refuses to serve does so at once."""
    monkeypatch.setitem(WRITER, "serverSelectionTimeoutMS", 300)
    monkeypatch.setattr(embedded, "STOP_DEADLINE_S", 0.02)


async def refusal(uri: str, driver: str = "pymongo") -> StartError:
    """The error that connect() raises."""
    with pytest.raises(StartError) as caught:
        made = await connect(uri=uri, data=NOWHERE, driver=driver)
        await made.close()
    return caught.value


@pytest.fixture
def admin(io_loop):
    """Runs commands on the admin database of a URI, on the test's loop."""
    clients = []

    async def run(uri: str, *command: object, **options: object) -> dict:
        if not clients:
            clients.append(client("pymongo", uri + "?directConnection=true"))
        return await clients[0].admin.command(*command, **options)

    yield run
    for each in clients:
        io_loop.run_sync(each.close)


async def initiate(run, raw) -> None:
    """Makes *raw* the primary of a set of one."""
    await run(raw.uri, "replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": str(raw.socket_path)}]})
    while not (await run(raw.uri, "hello"))["isWritablePrimary"]:
        await asyncio.sleep(0.01)


@pytest.mark.gen_test(timeout=20)
async def test_without_a_uri_it_starts_a_database_of_its_own(driver, folder):
    made = await connect(uri=None, data=folder / "data", driver=driver)
    try:
        assert isinstance(made, Connection) and made.driver == driver
        assert made.database.name == "anywire"
        assert made.writer is not made.watcher
        await made.database.things.insert_one({"_id": 1})
        assert await made.database.things.find_one({}) == {"_id": 1}
        pid = made.embedded.pid
    finally:
        await made.close()
    command = Path(f"/proc/{pid}/cmdline")  # another process may have the number by now
    assert not command.exists() or b"mongod" not in command.read_bytes()


@pytest.mark.gen_test
async def test_what_is_acknowledged_is_durable_whatever_the_uri_says(driver, mongo_uri):
    made = await connect(uri=f"{mongo_uri}&w=1&journal=false&readConcernLevel=local&readPreference=nearest", data=NOWHERE, driver=driver)
    assert made.database.write_concern.document == {"w": "majority", "j": True}
    assert made.database.read_concern.document == {"level": "majority"}
    assert made.database.read_preference.mongos_mode == "primary"
    assert made.watcher["x"].read_concern.document == {"level": "majority"}
    assert made.embedded is None
    await made.close()


@pytest.mark.gen_test
async def test_the_database_named_in_the_uri_wins(driver, mongo_uri):
    made = await connect(uri=mongo_uri.replace("/?", "/shop?"), data=NOWHERE, driver=driver, database="other")
    assert made.database.name == "shop"
    await made.close()
    made = await connect(uri=mongo_uri, data=NOWHERE, driver=driver, database="other")
    assert made.database.name == "other"
    await made.close()


@pytest.mark.gen_test
async def test_close_closes_both_clients(connection, driver, mongo_uri):
    other = await connect(uri=mongo_uri, data=NOWHERE, driver=driver)
    await other.close()
    for closed in (other.writer, other.watcher):
        with pytest.raises(PyMongoError):
            await closed.admin.command("ping")


@pytest.mark.gen_test(timeout=20)
async def test_unreachable(driver):
    error = await refusal("mongodb://someone:se%40cret@127.0.0.1:1/", driver)
    assert error.code == "mongodb-unreachable"
    assert "127.0.0.1:1" in str(error)
    assert "se%40cret" not in str(error) and "se@cret" not in str(error) and "someone" not in str(error)
    assert "configured timeouts" not in str(error) and "Topology" not in str(error)


@pytest.mark.gen_test(timeout=20)
async def test_a_name_that_nobody_knows(driver):
    assert (await refusal("mongodb+srv://someone:secret@nowhere.invalid/", driver)).code == "mongodb-unreachable"


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://someone:sec/ret@localhost/",
        "mongodb://someone:sec@ret@localhost/",
        "mongodb://someone:secret@localhost:99999999/",
        "someone:secret@localhost:27017",
        "mongodb://",
        "http://someone:secret@localhost/",
    ],
)
@pytest.mark.gen_test
async def test_a_uri_that_is_none(uri, driver):
    error = await refusal(uri, driver)
    assert error.code == "uri-invalid"
    assert "ret" not in str(error).replace("percent", "")


@pytest.mark.gen_test(timeout=20)
async def test_a_standalone_server_is_no_replica_set(folder, raw_mongod, driver):
    error = await refusal(raw_mongod(folder).uri, driver)
    assert error.code == "not-a-replica-set"
    assert "--replSet" in str(error) and "rs.initiate()" in str(error)


@pytest.mark.gen_test(timeout=30)
async def test_a_set_that_was_not_initiated_or_has_no_primary(folder, raw_mongod, admin):
    raw = raw_mongod(folder, "--replSet", "rs0")
    error = await refusal(raw.uri)
    assert error.code == "not-a-replica-set"
    assert "never initiated" in str(error) and "rs.initiate()" in str(error)

    await initiate(admin, raw)
    await (await connect(uri=raw.uri, data=NOWHERE)).close()

    await admin(raw.uri, "replSetStepDown", 60, force=True)
    error = await refusal(raw.uri)
    assert error.code == "mongodb-unreachable" and "no primary" in str(error)
    error = await refusal(raw.uri + "?directConnection=true")
    assert error.code == "mongodb-unreachable"


@pytest.mark.gen_test(timeout=30)
async def test_users(folder, raw_mongod, admin, driver):
    key = folder / "key"
    key.write_text("a key that the members of the set share\n".replace(" ", ""))
    key.chmod(0o600)
    raw = raw_mongod(folder, "--replSet", "rs0", "--auth", "--keyFile", "key")
    await initiate(admin, raw)
    await admin(raw.uri, "createUser", "root", pwd="x", roles=["root"])
    root = client("pymongo", raw.uri.replace("://", "://root:x@"))
    await root.admin.command("createUser", "writer", pwd="p@ss:word", roles=[{"role": "readWrite", "db": "anywire"}])
    await root.admin.command("createUser", "reader", pwd="secret", roles=[{"role": "read", "db": "anywire"}])
    await settle(root.close())

    made = await connect(uri=raw.uri.replace("://", "://writer:p%40ss%3Aword@"), data=NOWHERE, driver=driver)
    await made.database.things.insert_one({})
    with pytest.raises(OperationFailure):
        await made.writer["other"].things.insert_one({})
    await made.close()

    error = await refusal(raw.uri.replace("://", "://writer:secret@"), driver)
    assert error.code == "authentication-failed"
    assert "secret" not in str(error) and "writer" not in str(error)

    error = await refusal(raw.uri.replace("://", "://reader:secret@"), driver)
    assert error.code == "not-authorised"
    assert "readWrite" in str(error) and "secret" not in str(error)

    assert (await refusal(raw.uri, driver)).code == "not-authorised"


@pytest.mark.gen_test(timeout=20)
async def test_a_failure_after_the_start_leaves_no_mongod(folder):
    with pytest.raises(ValueError):
        await connect(uri=None, data=folder, driver="mongoengine")
    assert DataFolder(folder).mongodb.is_dir() and not _works_in(folder / "mongodb")
    with pytest.raises(StartError):
        await connect(uri=None, data=folder, database="no good name")
    assert not _works_in(folder / "mongodb")
    made = await connect(uri=None, data=folder)  # nor a lock
    await made.close()


def _works_in(folder: Path) -> bool:
    return any(orphan.works_in(int(path.name), folder) for path in Path("/proc").glob("[0-9]*"))


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("at mongodb://u:p@h/ it", "mongodb://u:p@h/"),
        ("at mongodb+srv://u:p@h/ it", "mongodb+srv://u:p@h/"),
        ("he said a@b and a%40b", "mongodb://u:a%40b@h/"),
        ("nothing", "mongodb://h/"),
    ],
)
def test_redact(text, uri):
    shown = redact(text, uri)
    assert "u:p" not in shown and "a@b" not in shown and "a%40b" not in shown
    assert len(shown) > 5


def test_every_error_has_its_code_in_the_table():
    with pytest.raises(ValueError):
        StartError("no-such-code", "text")
    sources = [
        path.read_text()
        for path in (*ROOT.glob("*.py"), *ROOT.glob("handlers/*.py"), *ROOT.glob("store/*.py"))
        if path.name != "start_error.py"
    ]
    assert [code for code in CODES if not any(f'"{code}"' in source for source in sources)] == []
