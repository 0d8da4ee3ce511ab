"""One timer for all: each is due once, in its time and not before, whatever others do."""

import asyncio
import time

from handlers.wheel import TICK_S, Wheel

LATE_S = 0.5
"""A machine that is shared may let the loop wait."""


class Thing:
    def __init__(self, on_due=lambda: None):
        self.tick = 0
        self.dues = []
        self.on_due = on_due

    def due(self):
        self.dues.append(time.monotonic())
        self.on_due()


async def until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def on_a_loop(test):
    """Runs the coroutine *test* makes of a wheel."""

    def run():
        async def begin():
            await test(Wheel())

        asyncio.run(begin())

    run.__name__ = test.__name__
    return run


@on_a_loop
async def test_each_is_due_once_and_not_before_its_time(wheel):
    things = {after_s: Thing() for after_s in (0, 0.01, 0.12, 0.26)}
    began_s = time.monotonic()
    for after_s, thing in things.items():
        wheel.set(thing, after_s)
    await until(lambda: all(thing.dues for thing in things.values()))
    await asyncio.sleep(4 * TICK_S)
    for after_s, thing in things.items():
        [at_s] = thing.dues
        assert after_s <= at_s - began_s + 1e-6 < after_s + 2 * TICK_S + LATE_S


@on_a_loop
async def test_the_last_time_that_is_set_counts(wheel):
    later, sooner = Thing(), Thing()
    began_s = time.monotonic()
    wheel.set(later, 0.05)
    wheel.set(later, 0.3)
    wheel.set(sooner, 60)
    wheel.set(sooner, 0.05)
    await until(lambda: later.dues)
    assert len(sooner.dues) == len(later.dues) == 1 and later.dues[0] - began_s >= 0.3


@on_a_loop
async def test_who_is_unset_is_never_due(wheel):
    thing, never_set = Thing(), Thing()
    wheel.set(thing, 0.05)
    wheel.unset(thing)
    wheel.unset(thing)
    wheel.unset(never_set)
    await asyncio.sleep(0.05 + 4 * TICK_S)
    assert thing.dues == []


@on_a_loop
async def test_haste_brings_forward_and_never_puts_off(wheel):
    near, far, unset = Thing(), Thing(), Thing()
    wheel.set(near, 0.05)
    wheel.hasten(near, 60)
    wheel.set(far, 60)
    wheel.hasten(far, 0.05)
    wheel.hasten(unset, 0.05)
    await until(lambda: near.dues and far.dues and unset.dues)
    await asyncio.sleep(4 * TICK_S)
    assert [len(thing.dues) for thing in (near, far, unset)] == [1, 1, 1]


@on_a_loop
async def test_who_sets_itself_again_is_due_again_and_the_loop_goes_on(wheel):
    thing = Thing(lambda: wheel.set(thing, 0))
    wheel.set(thing, 0)
    await until(lambda: len(thing.dues) >= 3)
    gaps = [after - before for before, after in zip(thing.dues, thing.dues[1:], strict=False)]
    assert max(gaps) > TICK_S / 2, "not again in the same turn"
    wheel.unset(thing)


@on_a_loop
async def test_who_is_unset_by_another_of_the_same_tick_is_not_due(wheel):
    """A connection that closes another one's."""
    things = [Thing(), Thing()]
    things[0].on_due = lambda: wheel.unset(things[1])
    things[1].on_due = lambda: wheel.unset(things[0])
    while things[0].tick != things[1].tick or not things[0].tick:  # the clock may go on between the two
        for thing in things:
            wheel.set(thing, 0.2)
    await until(lambda: things[0].dues or things[1].dues)
    await asyncio.sleep(2 * TICK_S)
    assert len(things[0].dues + things[1].dues) == 1


@on_a_loop
async def test_a_fault_of_one_is_its_own(wheel):
    def fail():
        raise ZeroDivisionError

    things = [Thing(), Thing(fail), Thing()]
    for thing in things:
        wheel.set(thing, 0.05)
    await until(lambda: all(thing.dues for thing in things))
    wheel.set(things[1], 0)
    await until(lambda: len(things[1].dues) == 2)


@on_a_loop
async def test_a_loop_that_stood_still_makes_up_for_it(wheel):
    things = [Thing() for _ in range(20)]
    for number, thing in enumerate(things):
        wheel.set(thing, number * 0.02)
    time.sleep(0.6)
    await asyncio.sleep(2 * TICK_S)
    assert [len(thing.dues) for thing in things] == [1] * 20


@on_a_loop
async def test_nothing_to_wait_for_is_no_timer(wheel):
    thing = Thing()
    wheel.set(thing, 0)
    await until(lambda: thing.dues)
    await asyncio.sleep(2 * TICK_S)
    assert wheel._timer is None
    wheel.set(thing, 0)
    await until(lambda: len(thing.dues) == 2)
