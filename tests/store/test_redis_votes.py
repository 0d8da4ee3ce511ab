"""Votes over Redis: what was stored in a transaction is told, too, and what nobody knew to be stored once it is found."""

import pytest

from protocol.positions import Next
from tests.store.redis_server import redis  # noqa: F401
from tests.store.test_redis_bus import Two, count_heads
from tests.store.voting import Page, Polling
from tests.store.waiting import until


@pytest.mark.gen_test(timeout=20)
async def test_a_ballot_at_one_process_is_shown_by_the_other(database, redis):  # noqa: F811
    two = await Two.make(database, redis.url, kind=Polling)
    await two.one.vote()
    page = Page(two.other)
    await page.follow("vote:v", Next())
    await two.settled()
    heads = count_heads(two.other)
    await two.one.votes.cast("v", "u", [1])
    await until(lambda: page.states and page.states[-1]["tally"] == [0, 1, 0], 0.7)
    assert heads == []
    await two.close()


@pytest.mark.gen_test(timeout=20)
async def test_a_state_whose_commit_was_in_doubt_is_told_when_it_is_found(database, redis):  # noqa: F811
    two = await Two.make(database, redis.url, kind=Polling)
    await two.one.vote()
    page = Page(two.other)
    await page.follow("vote:v", Next())
    await two.settled()
    two.one.hub.committed, told = None, two.one.hub.committed  # as if the answer to the commit had been lost
    await two.one.votes.cast("v", "u", [1])
    two.one.hub.committed = told
    two.one.votes._votes._doubtful.add("vote:v")
    await two.one.votes._votes.look_again()
    await until(lambda: page.states and page.states[-1]["tally"] == [0, 1, 0], 0.7)
    await two.close()
