"""A log that was restored begins another life: its offsets and ids are not those of before."""

import pytest

from tests.store.processes import Process


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
