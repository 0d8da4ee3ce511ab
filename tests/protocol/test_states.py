"""Channels of states: the newest value alone, never too often, and always the last one."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.channel import MESSAGE_OVERHEAD_BYTES, ChannelLog
from protocol.hub import STATE_EVERY_S, Hub
from protocol.message import Message
from protocol.positions import Next
from protocol.resume import Bounds, Resolution, resolve
from protocol.session import Page, Read
from tests.protocol.plain_wire import EPOCH, PlainWire
from tests.protocol.repeatable import examples

CHANNEL = "job:a"
EACH = 10 + MESSAGE_OVERHEAD_BYTES


def states(*offsets: int) -> list[Message]:
    return [Message(offset, b"%10d" % offset, is_state=True) for offset in offsets]


class Clock:
    """Time that passes when it is told to, and timers that go off then: some of them late, where the loop was busy."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.timers: list[tuple[float, object]] = []

    def later(self, delay_s: float, act: object) -> None:
        assert delay_s > 0
        self.timers.append((self.now_s + delay_s, act))

    def pass_by(self, seconds: float, late_s: float = 0.0) -> None:
        """Timers that are due go off in their order, *late_s* late at most."""
        end_s = self.now_s + seconds
        while due := [timer for timer in self.timers if timer[0] + late_s <= end_s]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now_s = max(self.now_s, first[0] + late_s)
            first[1]()
        self.now_s = end_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fills() -> list[str]:
    return []


@pytest.fixture
def hub(clock, fills) -> Hub:
    """It holds the channel with state 5."""
    made = Hub(EPOCH, fills.append, lambda: clock.now_s, clock.later)
    made.learn(CHANNEL, 5, states(5))
    return made


# what a channel holds


def test_a_channel_holds_its_newest_state_alone():
    log = ChannelLog(CHANNEL, EPOCH)
    log.begin(9, states(7, 8, 9))
    assert (log.is_state, [m.offset for m in log.messages], log.size_bytes, log.first) == (True, [9], EACH, 9)
    assert [m.offset for m in log.append(states(10, 11, 12))] == [12]
    assert [m.offset for m in log.append(states(20))] == [20]
    assert (log.head, log.heard, log.has_hole, log.size_bytes) == (20, 20, False, EACH)
    assert log.append(states(20)) == log.append(states(3, 4)) == []
    assert log.head == 20


def test_whoever_is_behind_gets_the_newest_state():
    log = ChannelLog(CHANNEL, EPOCH)
    log.begin(9, states(9))
    assert [[m.offset for m in log.since(after, 1)] for after in (0, 5, 8)] == [[9]] * 3
    assert log.since(9, 1) == log.since(10, 1) == []
    log.trim(0)
    assert log.since(8, 1) is None


def test_a_channel_shows_what_it_is_with_its_first_entry():
    log = ChannelLog(CHANNEL, EPOCH)
    log.begin(0, [])
    assert not log.is_state
    assert [m.offset for m in log.append(states(1))] == [1]
    assert log.is_state


# how often


def test_a_state_is_shown_at_once_and_what_follows_in_a_moment(hub, clock):
    wire = PlainWire()
    wire.follow(hub.log(CHANNEL))
    hub.deliver(CHANNEL, states(6))
    assert wire.pushed == [6]
    for offset in (7, 8, 9):
        hub.deliver(CHANNEL, states(offset))
        clock.pass_by(0.01)
    assert (wire.pushed, hub.head(CHANNEL), hub.newest(CHANNEL).offset, len(clock.timers)) == ([6], 6, 9, 1)
    clock.pass_by(0.021)
    assert (wire.pushed, hub.head(CHANNEL), hub.newest(CHANNEL).offset, clock.timers) == ([6, 9], 9, 9, [])
    clock.pass_by(STATE_EVERY_S)
    hub.deliver(CHANNEL, states(10))
    assert wire.pushed == [6, 9, 10]


def test_what_is_held_may_be_shown_early_and_is_not_shown_twice(hub, clock):
    wire = PlainWire()
    wire.follow(hub.log(CHANNEL))
    hub.deliver(CHANNEL, states(6))
    hub.deliver(CHANNEL, states(7))
    hub.release(CHANNEL)
    hub.release(CHANNEL)
    hub.release("job:unknown")
    assert wire.pushed == [6, 7]
    hub.deliver(CHANNEL, states(8))
    clock.pass_by(0.049)
    assert wire.pushed == [6, 7]  # not with the timer that was set for 7
    clock.pass_by(0.06)
    assert (wire.pushed, clock.timers) == ([6, 7, 8], [])


def test_an_older_state_shows_neither_first_nor_later(hub, clock):
    wire = PlainWire()
    wire.follow(hub.log(CHANNEL))
    hub.deliver(CHANNEL, states(8))
    for offset in (10, 9, 7, 8):
        hub.deliver(CHANNEL, states(offset))
    assert hub.newest(CHANNEL).offset == 10
    clock.pass_by(1)
    hub.deliver(CHANNEL, states(9))
    clock.pass_by(1)
    assert wire.pushed == [8, 10]


def test_while_the_loop_is_busy_the_newest_is_still_the_newest(hub, clock):
    wire = PlainWire()
    wire.follow(hub.log(CHANNEL))
    hub.deliver(CHANNEL, states(6))
    hub.deliver(CHANNEL, states(7))
    clock.now_s += 0.06  # its timer is due, and hasn't gone off
    hub.deliver(CHANNEL, states(8))
    assert (wire.pushed, hub.newest(CHANNEL).offset) == ([6, 8], 8)
    hub.deliver(CHANNEL, states(9))
    clock.pass_by(0)
    assert wire.pushed == [6, 8]
    clock.pass_by(0.051)
    assert (wire.pushed, clock.timers) == ([6, 8, 9], [])


def test_another_channel_is_not_held_up(hub, clock):
    hub.learn("job:b", 0)
    hub.deliver(CHANNEL, states(6))
    hub.deliver("job:b", states(1))
    assert (hub.head(CHANNEL), hub.head("job:b")) == (6, 1)


def test_what_was_held_in_another_life_is_not_shown(hub, clock):
    hub.deliver(CHANNEL, states(6))
    hub.deliver(CHANNEL, states(7))
    hub.renew("life1")
    new = hub.learn(CHANNEL, 1, states(1))
    clock.pass_by(1)
    assert (new.head, hub.newest(CHANNEL).offset, clock.timers) == (1, 1, [])


def test_a_state_that_was_only_heard_of_is_asked_for(hub, fills):
    hub.learn(CHANNEL, 9)
    assert (fills, hub.head(CHANNEL)) == ([CHANNEL], 5)
    hub.deliver(CHANNEL, states(9))
    assert (hub.head(CHANNEL), hub.log(CHANNEL).has_hole) == (9, False)


@given(st.integers(0, 10**6))
@examples(150)
def test_whatever_comes_a_follower_ends_at_the_last_state_and_gets_no_more_than_20_a_second(seed):
    chance = random.Random(seed)
    clock = Clock()
    hub = Hub(EPOCH, lambda channel: None, lambda: clock.now_s, clock.later)
    hub.learn(CHANNEL, 0)
    seen: list[tuple[float, int]] = []
    wires = [PlainWire(), PlainWire(takes=False), PlainWire()]
    wires[0].on_push = lambda: seen.append((clock.now_s, hub.head(CHANNEL)))
    for wire in wires:
        wire.follow(hub.log(CHANNEL))
    slow: list[int] = []
    committed = 0
    for _ in range(200):
        committed += chance.choice((1, 1, 3))
        for offset in chance.sample(range(max(1, committed - 2), committed + 1), chance.choice((1, min(2, committed)))):
            hub.deliver(CHANNEL, states(offset))
        clock.pass_by(chance.choice((0, 0.0005, 0.01, 0.2)), late_s=chance.choice((0, 0, 0.004)))
        if chance.random() < 0.1:
            slow.extend(wires[1].read())
        wires[2].takes = chance.random() < 0.8
        if wires[2].attachment.wants_wire and wires[2].takes:
            wires[2].pushed.extend(wires[2].read())
    hub.deliver(CHANNEL, states(committed))
    clock.pass_by(1)
    slow.extend(wires[1].read())
    wires[2].pushed.extend(wires[2].read())
    for offsets in ([offset for _, offset in seen], slow, wires[2].pushed):
        assert offsets == sorted(set(offsets)) and offsets[-1] == committed
    assert len(slow) <= len(seen)
    times = [time_s for time_s, _ in seen]
    assert all(later - earlier > STATE_EVERY_S - 0.002 for earlier, later in zip(times, times[1:], strict=False))
    assert clock.timers == []


# one connection


def test_who_reads_slowly_skips_to_the_newest(hub, clock):
    wire = PlainWire(takes=False)
    subscription = wire.follow(hub.log(CHANNEL))
    for offset in (6, 7, 8):
        hub.deliver(CHANNEL, states(offset))
        clock.pass_by(1)
    assert (subscription.offset, wire.attachment.wants_wire) == (5, True)
    assert wire.read() == [8]
    wire.takes = True
    hub.deliver(CHANNEL, states(9))
    assert (wire.pushed, subscription.offset) == ([9], 9)


def test_first_the_position_then_the_current_state_then_what_follows(hub, clock):
    wire = PlainWire()
    log = hub.log(CHANNEL)
    wire.attachment.attach(log, resolve(Next(), EPOCH, log))
    hub.deliver(CHANNEL, states(6))  # before the first pull
    hub.deliver(CHANNEL, states(7))
    assert wire.read() == [(4, True), 6]
    clock.pass_by(1)
    assert wire.pushed == [7]


def test_a_state_that_memory_has_let_go_is_read_from_the_log(hub):
    hub.log(CHANNEL).trim(0)
    wire = PlainWire()
    wire.attachment.attach(hub.log(CHANNEL), Resolution(0, True), announce=False)
    assert wire.read() == Read(CHANNEL, 4)  # what was before it doesn't count
    wire.attachment.give(Read(CHANNEL, 4), Page(states(5, 6, 7)))
    assert wire.read() == [7]
    assert not wire.attachment.wants_wire
    hub.deliver(CHANNEL, states(7))
    assert wire.pushed == []


def test_a_state_that_was_read_while_a_newer_one_came_is_followed_by_that(hub, clock):
    hub.log(CHANNEL).trim(0)
    wire = PlainWire()
    wire.attachment.attach(hub.log(CHANNEL), Resolution(0, True), announce=False)
    read = wire.read()
    hub.deliver(CHANNEL, states(9))
    wire.attachment.give(read, Page(states(5)))
    assert wire.read() == [5, 9]


def test_a_state_that_is_no_longer_kept_is_no_loss_that_is_told(hub):
    hub.log(CHANNEL).trim(0)
    wire = PlainWire()
    wire.follow(hub.log(CHANNEL))
    wire.attachment.attach(hub.log(CHANNEL), Resolution(4, True), announce=False)
    read = wire.read()
    wire.attachment.give(read, Page([], Bounds(5, 4)))
    assert wire.read() == read  # the reader lagged
    wire.attachment.give(read, Page([], Bounds(5, 5)))
    assert (wire.read(), wire.attachment.wants_wire) == ([], False)
    hub.deliver(CHANNEL, states(6))
    assert wire.pushed == [6]


def test_windows_are_shed_of_states_too(clock):
    hub = Hub(EPOCH, lambda channel: None, lambda: clock.now_s, clock.later, windows_bytes=10 * EACH)
    for number in range(30):
        hub.learn(f"job:{number}", 1, states(1))
    for number in range(30):
        for offset in (2, 3):
            hub.deliver(f"job:{number}", states(offset))
    clock.pass_by(1)
    sizes = [hub.log(f"job:{number}").size_bytes for number in range(30)]
    assert sum(sizes) == hub._size_bytes <= 10 * EACH and set(sizes) == {0, EACH}
    assert [hub.head(f"job:{number}") for number in range(30)] == [3] * 30
