"""A log that was restored begins another life: its offsets and ids are not those of before."""

import asyncio

import pytest

from protocol.codes import Unavailable
from protocol.positions import Next, Oldest
from store.reader import EpochChanged
from tests.store.processes import Follower, Process


@pytest.mark.gen_test(timeout=20)
async def test_an_id_of_an_earlier_life_is_no_repeat(database):
    process = await Process.make(database)
    before = await process.publish("chat:x", 3)
    process.reader.epoch = "restored"
    process.writer.renew()
    process.hub.renew("restored")
    after = await process.publish("chat:x", 3)
    assert [receipt.position for receipt in after] == ["restored-1", "restored-2", "restored-3"]
    assert not any(receipt.duplicate for receipt in (*before, *after))
    assert [receipt.duplicate for receipt in await process.publish("chat:x", 3)] == [True] * 3


@pytest.mark.gen_test(timeout=30)
async def test_what_was_under_way_ends_in_the_new_life(database):
    """The epoch changes between any two steps of publishing, filling and reading."""
    process = await Process.make(database)
    await process.publish("chat:x", 20)
    follower = Follower(process)
    await follower.follow("chat:x", Oldest())
    for life in range(1, 6):
        reading = [
            asyncio.ensure_future(work)
            for work in (
                process.feed.locate("chat:x", Oldest()),
                process.feed.locate("chat:y", Next()),
                process.reader.history("chat:x", None, 50, 10**6),
            )
        ]
        publishing = asyncio.ensure_future(process.publish("chat:x", 5, first=100 * life))
        for _ in range(life):
            await asyncio.sleep(0.0005 * life)
        process.reader.epoch = f"life{life}"
        process.writer.renew()
        process.hub.renew(f"life{life}")
        receipts = await publishing
        for outcome in await asyncio.gather(*reading, return_exceptions=True):
            assert not isinstance(outcome, Exception) or isinstance(outcome, Unavailable | EpochChanged), outcome
        lives = {receipt.position.partition("-")[0] for receipt in receipts}
        assert len(lives) == 1
        if lives == {f"life{life}"}:
            assert [receipt.offset for receipt in receipts] == [1, 2, 3, 4, 5]
        log, resolution = await process.feed.locate("chat:x", Next())
        assert log.epoch == f"life{life}" and resolution.offset == (await process.reader.head("chat:x"))
