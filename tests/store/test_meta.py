"""The epoch and the secret are made once, by whoever comes first."""

import asyncio
import re

import pytest

from store.meta import load_meta


@pytest.mark.gen_test(timeout=20)
async def test_all_get_the_same(database):
    metas = await asyncio.gather(*(load_meta(database) for _ in range(5)))
    assert len(set(metas)) == 1
    assert re.fullmatch(r"[0-9a-z]{4,16}", metas[0].epoch) and len(metas[0].secret) == 32
    assert await load_meta(database) == metas[0]
