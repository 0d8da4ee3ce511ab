"""One attachment: live or behind, and what a read brings."""

import msgspec
import pytest

from protocol.positions import MAX_REPLAY
from protocol.resume import Bounds, Resolution
from protocol.session import Page, Read
from tests.protocol.plain_wire import EPOCH, PlainWire, hub_with, messages

NO_LIMIT = 10**6


def test_first_subscribed_then_what_follows_then_live():
    hub = hub_with()
    log = hub.learn("chat:a", 52, messages(41, 52))
    wire = PlainWire()
    subscription = wire.attachment.attach(log, Resolution(50, True))
    assert (wire.wakes, wire.attachment.wants_wire, subscription.channel, subscription.offset) == (1, True, "chat:a", 50)
    [announcement, batch] = wire.attachment.pull(NO_LIMIT)
    assert (announcement.is_of_log, batch.is_of_log) == (False, True)
    assert msgspec.json.decode(announcement.messages[0].payload) == {
        "type": "subscribed",
        "channel": "chat:a",
        "position": "life0-50",
        "recovered": True,
    }
    assert [message.offset for message in batch.messages] == [51, 52]
    assert (subscription.offset, wire.attachment.wants_wire) == (52, False)
    hub.deliver("chat:a", messages(53, 53))
    assert (wire.pushed, subscription.offset) == ([53], 53)


def test_a_poll_that_goes_on_is_not_told_where_it_is():
    log = hub_with().learn("chat:a", 52, messages(41, 52))
    wire = PlainWire(takes=False)
    wire.attachment.attach(log, Resolution(51, True), announce=False)
    assert wire.read() == [52]


def test_who_refuses_falls_behind_and_catches_up_by_pulling():
    hub = hub_with()
    wire = PlainWire(takes=False)
    subscription = wire.follow(hub.learn("chat:a", 50))
    hub.deliver("chat:a", messages(51, 52))
    hub.deliver("chat:a", messages(53, 53))
    assert (subscription.offset, wire.attachment.wants_wire) == (50, True)
    wire.takes = True
    assert wire.read() == [51, 52, 53]
    hub.deliver("chat:a", messages(54, 54))
    assert wire.pushed == [54]


def test_a_pull_keeps_to_its_bytes():
    wire = PlainWire()
    wire.attachment.attach(hub_with().learn("chat:a", 9, messages(1, 9)), Resolution(0, True), announce=False)
    assert wire.read(30) == [1, 2, 3]
    assert wire.read(1) == [4]
    assert wire.read() == [5, 6, 7, 8, 9]
    assert wire.read() == []


def test_one_channel_with_much_to_say_does_not_keep_the_others_waiting():
    hub = hub_with()
    wire = PlainWire()
    wire.attachment.attach(hub.learn("chat:a", 9, messages(1, 9)), Resolution(0, True), announce=False)
    wire.attachment.attach(hub.learn("chat:b", 102, messages(101, 102)), Resolution(100, True), announce=False)
    assert wire.read(20) == [1, 2]
    assert wire.read(20) == [101, 102]
    assert wire.read(20) == [3, 4]


def test_what_is_older_than_memory_is_read_from_the_log():
    wire = PlainWire()
    log = hub_with().learn("chat:a", 52, messages(48, 52))
    wire.attachment.attach(log, Resolution(40, True))
    assert wire.read() == [(40, True)]
    assert wire.read() == Read("chat:a", 40)
    wire.attachment.give(Read("chat:a", 40), Page(messages(41, 47)))
    assert wire.read(30) == [41, 42, 43]
    assert wire.read() == [44, 45, 46, 47, 48, 49, 50, 51, 52]
    assert not wire.attachment.wants_wire


def test_what_is_there_goes_out_before_the_log_is_read():
    hub = hub_with()
    wire = PlainWire()
    wire.attachment.attach(hub.learn("chat:a", 52), Resolution(40, True), announce=False)
    wire.attachment.attach(hub.learn("chat:b", 3, messages(1, 3)), Resolution(0, True), announce=False)
    assert wire.read() == Read("chat:a", 40)
    wire.attachment.give(Read("chat:a", 40), Page(messages(41, 42)))
    assert wire.read() == [41, 42, 1, 2, 3]
    assert wire.read() == Read("chat:a", 42)


def test_what_was_read_ahead_of_the_process_is_not_pushed_again():
    hub = hub_with()
    wire = PlainWire()
    subscription = wire.attachment.attach(hub.learn("chat:a", 45), Resolution(40, True), announce=False)
    wire.attachment.give(Read("chat:a", 40), Page(messages(41, 50)))
    assert wire.read() == [41, 42, 43, 44, 45, 46, 47, 48, 49, 50]
    assert subscription.offset == 50
    hub.deliver("chat:a", messages(46, 48))
    assert subscription.offset == 50
    hub.deliver("chat:a", messages(49, 51))
    hub.deliver("chat:a", messages(52, 52))
    assert (wire.pushed, subscription.offset) == ([51, 52], 52)


def test_who_is_ahead_and_refuses_is_behind_from_where_it_was():
    hub = hub_with()
    wire = PlainWire(takes=False)
    subscription = wire.attachment.attach(hub.learn("chat:a", 45), Resolution(40, True), announce=False)
    wire.attachment.give(Read("chat:a", 40), Page(messages(41, 50)))
    wire.read()
    hub.deliver("chat:a", messages(46, 50))
    assert (subscription.offset, wire.attachment.wants_wire) == (50, False)
    hub.deliver("chat:a", messages(51, 52))
    assert (subscription.offset, wire.read()) == (50, [51, 52])


@pytest.mark.parametrize("head", [48, 50, 60])
def test_who_is_ahead_when_memory_jumps(head):
    hub = hub_with()
    wire = PlainWire()
    subscription = wire.attachment.attach(hub.learn("chat:a", 45), Resolution(40, True), announce=False)
    wire.attachment.give(Read("chat:a", 40), Page(messages(41, 50)))
    wire.read()
    hub.jump("chat:a", head)
    assert subscription.offset == 50
    assert wire.read() == (Read("chat:a", 50) if head > 50 else [])


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (Page(messages(46, 48), Bounds(60, 45)), [(45, False), 46, 47, 48]),
        (Page([], Bounds(60, 60)), [(60, False)]),
        (Page(messages(46, 48), Bounds(60, 47)), [(47, False), 48]),
        (Page(messages(46, 48), Bounds(60, 55)), [(55, False)]),
        (Page(messages(46, 48), Bounds(60, 0)), [(45, False), 46, 47, 48]),
        (Page(messages(46, 48), Bounds(MAX_REPLAY + 46, 45)), [(46, False), 47, 48]),
        (Page(messages(46, 48), Bounds(9000, 45)), [(8000, False)]),
    ],
)
def test_a_gap_is_announced_with_what_follows_it(page, told):
    wire = PlainWire()
    subscription = wire.attachment.attach(hub_with().learn("chat:a", 60), Resolution(40, True), announce=False)
    wire.attachment.give(Read("chat:a", 40), page)
    after, _ = told[0]
    assert subscription.offset == after
    assert wire.read() == told
    position = after if len(told) == 1 else told[-1]
    assert wire.read() == (Read("chat:a", position) if position < 60 else [])


def test_a_reader_that_lagged_is_asked_again_and_nothing_is_announced():
    wire = PlainWire()
    wire.attachment.attach(hub_with().learn("chat:a", 50), Resolution(40, True), announce=False)
    wire.attachment.give(Read("chat:a", 40), Page([], Bounds(48, 40)))
    assert wire.read() == Read("chat:a", 40)


def test_a_page_for_what_is_followed_no_more_or_from_elsewhere_is_dropped():
    log = hub_with().learn("chat:a", 50)
    wire = PlainWire()
    wire.attachment.give(Read("chat:a", 40), Page(messages(41, 50)))
    wire.attachment.attach(log, Resolution(45, True), announce=False)
    wire.attachment.give(Read("chat:a", 40), Page([], Bounds(50, 50)))
    assert wire.read() == Read("chat:a", 45)


def test_a_page_of_another_life_of_the_log_is_dropped():
    hub = hub_with()
    wire = PlainWire()
    subscription = wire.attachment.attach(hub.learn("chat:a", 50), Resolution(40, True), announce=False)
    read = wire.read()
    hub.renew("life1")
    wire.attachment.give(read, Page(messages(41, 50)))
    wire.attachment.give(read, Page([], Bounds(80, 70)))
    assert (wire.read(), subscription.offset, wire.attachment.epoch) == ([], 40, EPOCH)


def test_subscribing_again_replaces_the_position_and_what_was_not_said_yet():
    hub = hub_with()
    log = hub.learn("chat:a", 9, messages(1, 9))
    wire = PlainWire()
    wire.attachment.attach(log, Resolution(3, True))
    wire.attachment.attach(log, Resolution(7, False))
    assert (len(log.subscriptions), wire.read()) == (1, [(7, False), 8, 9])
    wire.attachment.attach(log, Resolution(9, True))
    wire.read()
    hub.deliver("chat:a", messages(10, 10))
    assert wire.pushed == [10]


def test_unsubscribing_and_closing_leave_nothing():
    hub = hub_with()
    wire = PlainWire()
    for channel in ("chat:a", "chat:b", "chat:c"):
        wire.attachment.attach(hub.learn(channel, 5), Resolution(5, True))
    wire.attachment.detach("chat:b")
    wire.attachment.detach("chat:b")
    wire.attachment.detach("chat:x")
    assert len(wire.read()) == 2
    wire.attachment.close()
    for channel in ("chat:a", "chat:b", "chat:c"):
        hub.deliver(channel, messages(6, 6))
        assert (hub.log(channel).subscriptions, hub.log(channel).apart) == (set(), {})
    assert (wire.pushed, wire.attachment.subscriptions, wire.attachment.wants_wire) == ([], {}, False)
