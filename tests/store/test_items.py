"""What tasks have brought, page by page: in order of index, each once, whoever stored it."""

import datetime
import json

import pytest

from store.items import BATCH_ITEMS, Items, failures

MANY = 10**6


def made(first: int, count: int, fails: int = 0) -> list[bytes]:
    """Every *fails*-th one failed."""
    return [
        b'{"type":"item","index":%d,"ok":%s}' % (i, b"false" if fails and i % fails == 0 else b"true") for i in range(first, first + count)
    ]


async def stored(database, *counts: int, fails: int = 0) -> Items:
    """Documents of so many items each."""
    items = Items(database, keep_days=30)
    await items.start()
    first = 0
    for count in counts:
        batch = made(first, count, fails)
        await items.append("job", first, batch, sum(b"false" in item for item in batch))
        first += count
    return items


async def indices(
    items: Items, after: int = -1, limit: int = 1000, max_bytes: int = MANY, ok: bool | None = None
) -> tuple[list[int], bool]:
    page = await items.page("job", after, limit, max_bytes, ok=ok)
    return [json.loads(item)["index"] for item in page.items], page.more


@pytest.mark.gen_test(timeout=20)
async def test_pages_follow_each_other_over_the_borders_of_documents(database):
    items = await stored(database, 3, BATCH_ITEMS, 1, 200)
    total = 3 + BATCH_ITEMS + 1 + 200
    found, after = [], -1
    while True:
        page, more = await indices(items, after, 70)
        found += page
        after = page[-1]
        assert more == (after < total - 1) and len(page) == min(70, total - len(found) + len(page))
        if not more:
            break
    assert found == list(range(total)) and await items.count("job") == total


@pytest.mark.gen_test(timeout=20)
async def test_a_page(database):
    items = await stored(database, 3, 7)
    for after, limit, first, last, more in (
        (-1, 1, 0, 0, True),
        (0, 2, 1, 2, True),
        (2, 3, 3, 5, True),
        (1, 1000, 2, 9, False),
        (8, 1, 9, 9, False),
        (5, 4, 6, 9, False),
    ):
        assert await indices(items, after, limit) == (list(range(first, last + 1)), more)


@pytest.mark.gen_test(timeout=20)
async def test_beyond_the_end_and_of_a_job_that_has_none(database):
    items = await stored(database, 3)
    for after in (2, 3, 10**9):
        assert await indices(items, after) == ([], False)
    page = await items.page("other", -1, 10, MANY)
    assert page == ([], False) and await items.count("other") == await items.failed("other") == 0


@pytest.mark.gen_test(timeout=20)
async def test_a_page_keeps_to_its_bytes_but_brings_at_least_one(database):
    items = await stored(database, 10)
    size = len(made(0, 1)[0])
    assert await indices(items, max_bytes=3 * size) == ([0, 1, 2], True)
    assert await indices(items, after=4, max_bytes=1) == ([5], True)
    assert await indices(items, after=8, max_bytes=1) == ([9], False)


@pytest.mark.gen_test(timeout=20)
async def test_those_that_failed_and_those_that_did_not(database):
    items = await stored(database, 5, 30, 5, fails=11)
    failed = [0, 11, 22, 33]
    assert await indices(items, ok=False) == (failed, False)
    assert await indices(items, ok=False, limit=3) == (failed[:3], True)
    assert await indices(items, ok=False, limit=4) == (failed, False)
    assert await indices(items, ok=False, after=11) == (failed[2:], False)
    assert await indices(items, ok=False, after=33) == ([], False)
    assert await indices(items, ok=True) == ([i for i in range(40) if i not in failed], False)
    assert await items.failed("job") == 4


@pytest.mark.gen_test(timeout=20)
async def test_jobs_do_not_mix(database):
    items = await stored(database, 5)
    for job in ("jo", "job!", "joc", "job0"):
        await items.append(job, 0, made(0, 50), 0)
    assert await indices(items) == ([0, 1, 2, 3, 4], False)
    assert await items.count("job") == 5


@pytest.mark.gen_test(timeout=20)
async def test_the_same_again_is_stored_once(database):
    items = await stored(database, 5, 5)
    await items.append("job", 5, made(5, 5), 0)
    await items.append("job", 0, made(0, 7), 0)
    assert await indices(items) == (list(range(10)), False)
    assert await items.count("job") == 10


@pytest.mark.gen_test(timeout=20)
async def test_what_two_processes_stored_in_different_portions_is_there_once(database):
    items = await stored(database, 4, 4, 4, 4)
    for first, count in ((2, 5), (7, 5), (12, 6)):
        await items.append("job", first, made(first, count), 0)
    assert await indices(items) == (list(range(18)), False)
    assert await indices(items, after=4, limit=6) == (list(range(5, 11)), True)
    assert await items.count("job") == 18


@pytest.mark.gen_test(timeout=20)
async def test_the_few_that_failed_are_found_without_reading_the_others(database):
    items = await stored(database, *[10] * 200, fails=400)
    asked = failures("job", -1)
    query = {"find": "items", "filter": asked["filter"], "sort": dict(asked["sort"])}
    plan = await database.command({"explain": query, "verbosity": "executionStats"})
    assert plan["executionStats"]["totalDocsExamined"] == 5
    assert await indices(items, ok=False) == ([0, 400, 800, 1200, 1600], False)


@pytest.mark.gen_test(timeout=20)
async def test_they_are_dropped_when_their_time_is_over(database):
    items = Items(database, keep_days=2)
    await items.start()
    await items.append("job", 0, made(0, 1), 0)
    assert (await database.items.index_information())["expired"]["expireAfterSeconds"] == 0
    expires = (await database.items.find_one())["expires"]
    assert expires - datetime.datetime.now(datetime.UTC).replace(tzinfo=None) == pytest.approx(
        datetime.timedelta(days=2), abs=datetime.timedelta(minutes=1)
    )
