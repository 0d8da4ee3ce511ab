"""Where a START lies, by memory alone and with the log's bounds."""

import pytest

from protocol.channel import ChannelLog
from protocol.message import Message
from protocol.positions import MAX_REPLAY, Last, Next, Oldest, Position
from protocol.resume import Bounds, Resolution, resolve, restart

EPOCH = "life0"


def log_of(first: int, head: int) -> ChannelLog:
    """A log that holds the messages *first* to *head* in memory."""
    log = ChannelLog("chat:a", EPOCH)
    log.begin(head, [Message(offset, b"{}") for offset in range(first, head + 1)])
    return log


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (Next(), (50, True)),
        (Last(1), (49, True)),
        (Last(10), (40, True)),
        (Last(11), None),
        (Last(1000), None),
        (Oldest(), None),
        (Position(EPOCH, 50), (50, True)),
        (Position(EPOCH, 40), (40, True)),
        (Position(EPOCH, 39), None),
        (Position(EPOCH, 0), None),
        (Position(EPOCH, 51), None),
        (Position("other", 45), None),
    ],
)
def test_by_memory_which_holds_41_to_50(start, found):
    assert resolve(start, EPOCH, log_of(41, 50)) == found


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (Next(), (50, True)),
        (Last(10), (40, True)),
        (Last(11), (39, True)),
        (Last(30), (20, True)),
        (Last(31), (20, True)),
        (Last(1000), (20, True)),
        (Oldest(), (20, True)),
        (Position(EPOCH, 39), (39, True)),
        (Position(EPOCH, 20), (20, True)),
        (Position(EPOCH, 19), (20, False)),
        (Position(EPOCH, 0), (20, False)),
        (Position(EPOCH, 50), (50, True)),
        (Position(EPOCH, 51), (20, False)),
        (Position("other", 45), (20, False)),
        (Position("other", 0), (20, False)),
    ],
)
def test_with_bounds_of_a_log_that_keeps_21_to_50(start, found):
    assert resolve(start, EPOCH, log_of(41, 50), Bounds(50, 20)) == found


def test_what_memory_holds_is_not_lost_though_the_log_has_trimmed_it():
    assert resolve(Position(EPOCH, 42), EPOCH, log_of(41, 50), Bounds(50, 45)) == (42, True)
    assert resolve(Last(8), EPOCH, log_of(41, 50), Bounds(50, 45)) == (42, True)


def test_a_channel_that_was_never_written_to():
    empty = log_of(1, 0)
    for start in (Next(), Last(5), Position(EPOCH, 0)):
        assert resolve(start, EPOCH, empty) == (0, True)
    assert resolve(Oldest(), EPOCH, empty, Bounds(0, 0)) == (0, True)
    assert resolve(Position(EPOCH, 1), EPOCH, empty, Bounds(0, 0)) == (0, False)
    assert resolve(Position("other", 1), EPOCH, empty, Bounds(0, 0)) == (0, False)


def test_the_last_n_of_a_channel_that_memory_holds_whole():
    assert resolve(Last(1000), EPOCH, log_of(1, 3)) == (0, True)
    assert resolve(Last(3), EPOCH, log_of(1, 3)) == (0, True)
    assert resolve(Last(1000), EPOCH, log_of(2, 3)) is None


def test_of_a_channel_that_was_emptied_only_the_head_is_known():
    emptied = log_of(51, 50)
    assert resolve(Position(EPOCH, 50), EPOCH, emptied) == (50, True)
    assert resolve(Position(EPOCH, 49), EPOCH, emptied, Bounds(50, 50)) == (50, False)
    assert resolve(Oldest(), EPOCH, emptied, Bounds(50, 50)) == (50, True)


def test_the_log_may_have_moved_on_since_its_bounds_were_read():
    assert resolve(Position(EPOCH, 55), EPOCH, log_of(51, 60), Bounds(50, 20)) == (55, True)
    assert resolve(Position(EPOCH, 61), EPOCH, log_of(51, 60), Bounds(50, 20)) == (20, False)


def test_a_restart_brings_the_newest_1000():
    assert restart(5000, 20) == Resolution(5000 - MAX_REPLAY, False)
    assert restart(1019, 20) == Resolution(20, False)
    assert restart(3, 0) == Resolution(0, False)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize(
    ("start", "found"),
    [
        (Next(), (8, True)),
        (Last(1), (8, True)),
        (Last(50), (8, True)),
        (Oldest(), (8, True)),
        (Position(EPOCH, 9), (9, True)),
        (Position(EPOCH, 8), (8, True)),
        (Position(EPOCH, 0), (0, True)),
        (Position("other", 9), (8, False)),
        (Position("other", 99), (8, False)),
        (Position(EPOCH, 10), None),
    ],
)
def test_of_states_the_current_one_comes_first_whatever_the_start(start, found, held):
    log = ChannelLog("job:a", EPOCH)
    log.begin(9, [Message(9, b"{}", is_state=True)])
    if not held:
        log.trim(0)  # memory needs no message for that
    assert resolve(start, EPOCH, log) == found
    assert resolve(start, EPOCH, log, Bounds(9, 8)) == (found or (8, True))


def test_anything_else_is_a_fault_of_ours():
    with pytest.raises(AssertionError):
        resolve("0", EPOCH, log_of(1, 0))
