"""A channel's newest messages in memory."""

import pytest

from protocol.channel import MESSAGE_OVERHEAD_BYTES, ChannelLog, take
from protocol.message import Message


def messages(first: int, last: int, size: int = 10) -> list[Message]:
    return [Message(offset, b"x" * size) for offset in range(first, last + 1)]


def offsets(found: list[Message] | None) -> list[int] | None:
    return None if found is None else [message.offset for message in found]


@pytest.fixture
def log() -> ChannelLog:
    """Head 50, with 41 to 50 in memory."""
    log = ChannelLog("chat:a", "life0")
    log.begin(50, messages(41, 50))
    return log


def test_what_is_appended_before_the_head_is_known_is_only_heard_of():
    log = ChannelLog("chat:a", "life0")
    assert log.append(messages(5, 7)) == []
    assert (log.head, log.heard, log.has_hole) == (None, 7, False)
    log.begin(5, [])
    assert log.has_hole


def test_what_follows_is_taken_what_is_repeated_is_dropped(log):
    assert offsets(log.append(messages(51, 52))) == [51, 52]
    assert offsets(log.append(messages(51, 52))) == []
    assert offsets(log.append(messages(40, 54))) == [53, 54]
    assert (log.head, log.first, log.heard, log.has_hole) == (54, 41, 54, False)


def test_a_hole_is_remembered(log):
    assert log.append(messages(53, 54)) == []
    assert (log.head, log.heard, log.has_hole) == (50, 54, True)
    assert offsets(log.append(messages(49, 52))) == [51, 52]
    assert log.has_hole
    assert offsets(log.append(messages(53, 54))) == [53, 54]
    assert not log.has_hole


def test_since(log):
    assert offsets(log.since(40, 10**6)) == list(range(41, 51))
    assert offsets(log.since(47, 10**6)) == [48, 49, 50]
    assert log.since(50, 10**6) == []
    assert log.since(51, 10**6) == []
    assert log.since(39, 10**6) is None
    assert log.since(0, 10**6) is None


def test_since_keeps_to_its_bytes_but_brings_at_least_one(log):
    assert offsets(log.since(40, 30)) == [41, 42, 43]
    assert offsets(log.since(40, 39)) == [41, 42, 43]
    assert offsets(log.since(49, 1)) == [50]


def test_take():
    assert take([], 10) == []
    assert offsets(take(messages(1, 5), 20)) == [1, 2]
    assert offsets(take(messages(1, 5), 20, start=4)) == [5]
    assert offsets(take(messages(1, 5), 0)) == [1]


def test_trim_forgets_the_oldest(log):
    each = 10 + MESSAGE_OVERHEAD_BYTES
    assert log.size_bytes == 10 * each
    log.trim(3 * each)
    assert (log.first, log.head, log.size_bytes) == (48, 50, 3 * each)
    log.trim(3 * each - 1)
    assert (log.first, log.size_bytes) == (49, 2 * each)
    log.trim(0)
    assert (log.first, log.head, log.size_bytes, log.messages) == (51, 50, 0, [])
    assert log.since(49, 100) is None


def test_jump_leaves_nothing_in_memory(log):
    log.jump(90)
    assert (log.first, log.head, log.size_bytes) == (91, 90, 0)
