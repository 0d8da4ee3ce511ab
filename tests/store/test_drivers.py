"""Both drivers answer alike through `client` and `settle`, and nothing else imports Motor."""

import re
from pathlib import Path

import pytest

from store.drivers import client, settle

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.gen_test(timeout=10)
async def test_the_name_decides_which_driver_it_is(driver, mongo_uri):
    made = client(driver, mongo_uri)
    try:
        assert type(made).__module__.split(".")[0] == driver
        assert (await made.admin.command("ping"))["ok"] == 1
    finally:
        await settle(made.close())


@pytest.mark.gen_test
async def test_options_go_before_those_of_the_uri(driver):
    made = client(driver, "mongodb://localhost/?w=1&maxPoolSize=3", w="majority")
    assert made["x"].write_concern.document == {"w": "majority"}
    await settle(made.close())


@pytest.mark.gen_test
async def test_another_name_is_refused():
    with pytest.raises(ValueError, match="'mongoengine': one of motor, pymongo"):
        client("mongoengine", "mongodb://localhost/")


def test_without_a_running_loop_there_is_no_client(driver):
    with pytest.raises(RuntimeError):
        client(driver, "mongodb://localhost/")


@pytest.mark.gen_test(timeout=10)
async def test_settle_covers_what_one_driver_awaits_and_the_other_does_not(database, connection):
    await database.things.insert_many([{"_id": number} for number in range(3)])

    cursor = await settle(database.things.aggregate([{"$sort": {"_id": -1}}]))
    assert [document["_id"] async for document in cursor] == [2, 1, 0]

    indexes = await settle(database.things.list_indexes())
    assert [index["name"] async for index in indexes] == ["_id_"]

    stream = await settle(connection.watcher[database.name].things.watch(max_await_time_ms=500))
    async with stream:
        await database.things.insert_one({"_id": 3})
        change = await stream.next()
        assert change["fullDocument"] == {"_id": 3}

    async with await settle(connection.writer.start_session()) as session, await settle(session.start_transaction()):
        await database.things.delete_one({"_id": 3}, session=session)
    assert await database.things.count_documents({}) == 3


@pytest.mark.gen_test
async def test_settle_leaves_a_plain_value_alone():
    assert await settle([1]) == [1]
    assert await settle(None) is None


def test_one_file_imports_motor_and_constructs_clients():
    imports = re.compile(r"^\s*(from|import) motor\b|\bimport .*\b(AsyncMongoClient|MongoClient)\b", re.MULTILINE)
    places = ["*.py", "protocol/**/*.py", "negotiation/**/*.py", "store/**/*.py", "handlers/**/*.py", "apps/**/*.py"]
    files = [path for place in places for path in ROOT.glob(place)]
    assert len(files) > 10
    found = [str(path.relative_to(ROOT)) for path in files if imports.search(path.read_text())]
    assert found == ["store/drivers.py"]
