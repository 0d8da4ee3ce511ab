"""Ways to leave a tracked loop, and what its job is then."""

import asyncio
import contextlib
import itertools
import sys
import threading

CASES = {}
"""Each leaves loops over `track(...)` in some way; its name says what their jobs have to be, in order."""


def case(*expected):
    def keep(function):
        CASES[function.__name__] = (function, expected)
        return function

    return keep


DONE = ("done", None)
BOOM = ("failed", "ValueError: boom")
CANCELLED = ("cancelled", None)


def boom(*_):
    raise ValueError("boom")


def numbers(track):
    yield from track(range(9))


async def later_numbers():
    for number in range(9):
        await asyncio.sleep(0)
        yield number


@case(DONE)
def to_the_end(track):
    for _ in track(range(9)):
        pass


@case(DONE)
def by_break(track):
    for _ in track(range(9)):
        break


@case(DONE)
def by_return(track):
    for _ in track(range(9)):
        return


@case(DONE)
def by_break_just_before_an_exception(track):
    for _ in track(range(9)):
        break
    boom()


@case(DONE)
def by_return_on_the_line_of_an_exception(track):
    by_return(track) or boom()


@case(DONE)
def while_another_exception_is_handled(track):
    try:
        boom()
    except ValueError:
        by_break(track)


@case(DONE)
def by_a_shorter_companion(track):
    for _ in zip(range(3), track(range(9)), strict=False):
        pass


@case(DONE)
def in_a_generator_that_is_left(track):
    for _ in numbers(track):
        break


@case(DONE)
def in_an_expression_that_has_enough(track):
    assert any(number == 3 for number in track(range(9)))


@case(DONE)
def by_a_slice(track):
    assert list(itertools.islice(track(range(9)), 3)) == [0, 1, 2]


@case(BOOM)
def by_an_exception(track):
    for _ in track(range(9)):
        boom()


@case(BOOM)
def by_one_that_is_caught(track):
    try:
        for _ in track(range(9)):
            boom()
    except ValueError:
        pass


@case(BOOM)
def by_one_that_a_context_swallows(track):
    with contextlib.suppress(ValueError):
        for _ in track(range(9)):
            boom()


@case(BOOM)
def by_one_that_leaves_a_lock(track):
    with threading.Lock():
        for _ in track(range(9)):
            boom()


@case(BOOM)
def by_one_behind_finally(track):
    try:
        for _ in track(range(9)):
            boom()
    finally:
        first = 1
        second = first
        assert second


@case(BOOM)
def by_one_in_a_generator_between(track):
    for _ in numbers(track):
        boom()


@case(BOOM)
def by_one_in_a_map(track):
    list(map(boom, track(range(9))))


@case(BOOM)
def by_one_of_the_source(track):
    for _ in track(map(boom, range(9))):
        pass


@case(BOOM, BOOM)
def both_by_one(track):
    for _ in track(range(9)):
        for _ in track(range(9)):
            boom()


@case(BOOM, DONE)
def the_inner_one_by_break(track):
    for _ in track(range(9)):
        for _ in track(range(9)):
            break
        boom()


@case(DONE, BOOM, BOOM)
def the_inner_ones_by_exceptions_that_are_caught(track):
    for _ in track(range(2)):
        with contextlib.suppress(ValueError):
            for _ in track(range(9)):
                boom()


@case(BOOM)
def in_a_thread(track):
    def work():
        with contextlib.suppress(ValueError):
            by_an_exception(track)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@case(BOOM)
def in_a_with_of_its_own(track):
    with track(range(9)) as progress:
        for _ in progress:
            boom()


@case(DONE)
def in_a_with_that_catches_it(track):
    with track(range(9)) as progress, contextlib.suppress(ValueError):
        for _ in progress:
            boom()


@case(BOOM)
def in_a_task(track):
    async def work():
        for _ in track(range(9)):
            await asyncio.sleep(0)
            boom()

    asyncio.run(work())


@case(CANCELLED)
def in_a_task_that_is_cancelled(track):
    async def work():
        for _ in track(range(9)):
            asyncio.current_task().cancel()
            await asyncio.sleep(60)

    asyncio.run(work())


@case(DONE)
def in_an_asynchronous_loop(track):
    async def work():
        async for _ in track(later_numbers(), total=9):
            pass

    asyncio.run(work())


@case(DONE)
def in_an_asynchronous_loop_by_break(track):
    async def work():
        async for _ in track(later_numbers()):
            break

    asyncio.run(work())


@case(BOOM)
def in_an_asynchronous_loop_by_an_exception(track):
    async def work():
        async for _ in track(later_numbers()):
            boom()

    asyncio.run(work())


@case(CANCELLED)
def by_an_interrupt(track):
    for _ in track(range(9)):
        raise KeyboardInterrupt


@case(("failed", "SystemExit: 3"))
def by_an_exit(track):
    for _ in track(range(9)):
        sys.exit(3)
