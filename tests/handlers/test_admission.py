"""Turns of newcomers, and who is refused, with a clock that is told the time."""

import asyncio

import pytest

from handlers.admission import EACH_S, PATIENCE_S, SLICE_S, SPREAD_S, Admission
from handlers.load import Load
from protocol.codes import Unavailable


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


class Newcomer:
    def __init__(self, clock, takes_s, served):
        self._clock, self._takes_s, self._served = clock, takes_s, served

    def serve(self):
        self._clock.now_s += self._takes_s
        self._served.append(self)


class Door:
    """An admission whose newcomers take *takes_s* each, and wait for *elsewhere_s* besides."""

    def __init__(self, takes_s=EACH_S):
        self.clock, self.served, self.elsewhere_s, self.takes_s = Clock(), [], 0.0, takes_s
        self.admission = Admission(lambda: self.elsewhere_s, clock=self.clock)

    def come(self, count):
        """How many were let in, and what the others were told."""
        told = []
        for _ in range(count):
            try:
                self.admission.take(Newcomer(self.clock, self.takes_s, self.served))
            except Unavailable as error:
                assert error.code == "overloaded"
                told.append(error.retry_after_s)
        return count - len(told), told


@pytest.mark.gen_test(timeout=10)
async def test_newcomers_are_served_in_order_and_in_slices():
    door = Door(SLICE_S / 3.9)
    assert door.come(10) == (10, []) and door.served == []
    waiting = list(door.admission._waiting)
    slices = []
    while len(door.served) < 10:
        before = len(door.served)
        await asyncio.sleep(0)
        slices.append(len(door.served) - before)
    assert door.served == waiting and slices == [4, 4, 2]
    door.come(1)
    await asyncio.sleep(0)
    assert len(door.served) == 11


@pytest.mark.gen_test(timeout=10)
async def test_who_would_wait_for_longer_than_clients_do_is_refused():
    door = Door()
    let_in, told = door.come(20_000)
    assert let_in == round(PATIENCE_S / EACH_S) + 1
    assert all(PATIENCE_S < wait_s <= PATIENCE_S + SPREAD_S[1] for wait_s in told)
    assert max(told[:100]) <= PATIENCE_S + SPREAD_S[0] + 0.01  # a few come back soon
    assert max(told[-1000:]) > PATIENCE_S + 4  # they were 12,000, for 6 s of work
    assert len({round(wait_s, 1) for wait_s in told}) > 40  # at many moments
    while door.admission._waiting:
        await asyncio.sleep(0)
    assert len(door.served) == let_in and door.come(1) == (1, [])


@pytest.mark.gen_test(timeout=10)
async def test_what_each_takes_is_learnt_from_those_who_come_together():
    door = Door(10 * EACH_S)
    door.come(1)
    await asyncio.sleep(0)
    assert door.admission._each_s == EACH_S  # one alone tells nothing
    door.come(1000)
    while door.admission._waiting:
        await asyncio.sleep(0)
    assert door.admission._each_s == pytest.approx(10 * EACH_S, rel=0.01)
    assert door.come(2000)[0] == pytest.approx(PATIENCE_S / EACH_S / 10, rel=0.02)


@pytest.mark.gen_test(timeout=10)
async def test_one_stall_changes_little():
    door = Door()
    door.come(2000)
    await asyncio.sleep(0)
    door.clock.now_s += 3.0  # the machine stood still
    await asyncio.sleep(0)
    assert door.admission._each_s < 1.5 * EACH_S
    assert door.come(2000) == (2000, [])


@pytest.mark.gen_test(timeout=10)
async def test_a_wait_for_something_else_counts_and_a_quiet_server_refuses_nobody():
    door = Door()
    door.admission.check()
    door.elsewhere_s = PATIENCE_S + 0.1
    assert door.come(1)[0] == 0
    with pytest.raises(Unavailable):
        door.admission.check()
    door.elsewhere_s = PATIENCE_S - 0.1
    door.admission.check()
    assert door.come(1) == (1, [])
    await asyncio.sleep(0)
    load = Load()
    assert load.late_s == 0.0
    load._tick(asyncio.get_running_loop(), asyncio.get_running_loop().time() - 9)
    assert load.late_s == 0.0  # once is no load
    load._tick(asyncio.get_running_loop(), asyncio.get_running_loop().time() - 7)
    assert 7 <= load.late_s < 8
