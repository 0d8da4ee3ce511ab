"""All channels of one process: in order, each once, within the memory that it was given."""

import pytest

from protocol.channel import MESSAGE_OVERHEAD_BYTES
from protocol.hub import Hub
from tests.protocol.plain_wire import EPOCH, PlainWire, hub_with, messages

EACH = 10 + MESSAGE_OVERHEAD_BYTES


def held(hub: Hub, channel: str) -> int:
    return len(hub.log(channel).messages)


def test_a_channel_that_nobody_asked_for_is_ignored():
    hub = hub_with()
    hub.deliver("chat:a", messages(1, 3))
    assert hub.head("chat:a") is None
    assert hub.followed() == []


def test_a_head_is_learned_once_and_then_only_heard_of():
    fills: list[str] = []
    hub = hub_with(fills)
    assert hub.learn("chat:a", 50).head == 50
    assert hub.learn("chat:a", 40).head == 50
    assert fills == []
    log = hub.learn("chat:a", 60)
    assert (log.head, log.heard, fills) == (50, 60, ["chat:a"])


def test_a_late_head_does_not_hide_what_was_heard_before():
    fills: list[str] = []
    hub = hub_with(fills)
    hub.log("chat:a")
    hub.deliver("chat:a", messages(53, 54))
    assert fills == []
    assert hub.learn("chat:a", 50).head == 50
    assert fills == ["chat:a"]


def test_what_is_delivered_goes_to_whoever_is_live():
    hub = hub_with()
    wire = PlainWire()
    wire.follow(hub.learn("chat:a", 50))
    assert hub.followed() == ["chat:a"]
    hub.deliver("chat:a", messages(51, 52))
    hub.deliver("chat:a", messages(51, 53))
    hub.deliver("chat:a", messages(52, 53))
    assert wire.pushed == [51, 52, 53]
    assert (hub.head("chat:a"), hub.delivered, hub.log("chat:a").delivered_s) == (53, 3, 7.0)


def test_a_hole_stops_delivery_until_it_is_filled():
    fills: list[str] = []
    hub = hub_with(fills)
    wire = PlainWire()
    wire.follow(hub.learn("chat:a", 50))
    hub.deliver("chat:a", messages(52, 53))
    assert (wire.pushed, fills) == ([], ["chat:a"])
    hub.deliver("chat:a", messages(51, 51))
    assert (wire.pushed, fills) == ([51], ["chat:a", "chat:a"])
    hub.deliver("chat:a", messages(49, 53))
    assert (wire.pushed, len(fills)) == ([51, 52, 53], 2)


def test_a_hole_that_is_not_filled_is_left_to_the_readers():
    hub = hub_with()
    live, behind = PlainWire(), PlainWire(takes=False)
    log = hub.learn("chat:a", 50)
    live.follow(log)
    behind.follow(log)
    hub.deliver("chat:a", messages(51, 55))
    hub.jump("chat:a", 90)
    assert (hub.head("chat:a"), held(hub, "chat:a")) == (90, 0)
    assert live.read() == ("chat:a", 55)
    assert behind.read() == ("chat:a", 50)
    hub.deliver("chat:a", messages(91, 91))
    assert live.pushed == [51, 52, 53, 54, 55]


@pytest.mark.parametrize("head", [0, 49, 50])
def test_a_jump_never_goes_back(head):
    hub = hub_with()
    wire = PlainWire()
    wire.follow(hub.learn("chat:a", 50))
    hub.jump("chat:a", head)
    hub.jump("chat:b", head)
    assert (hub.head("chat:a"), hub.head("chat:b"), wire.attachment.wants_wire) == (50, None, False)


def test_a_wire_that_pulls_at_once_when_it_is_woken_may_do_so_within_a_jump():
    hub = hub_with()
    wires = [PlainWire(), PlainWire()]
    for wire in wires:
        wire.follow(hub.learn("chat:a", 50))
    found = []
    for wire in wires:
        wire.on_wake = lambda wire=wire: found.append(wire.read())
    hub.jump("chat:a", 90)
    assert found == [("chat:a", 50)] * 2


def test_who_is_made_to_leave_by_a_push_to_another_gets_nothing():
    hub = hub_with()
    first, second = PlainWire(), PlainWire()
    for wire in (first, second):
        wire.follow(hub.learn("chat:a", 50))
    first.on_push = second.attachment.close
    hub.deliver("chat:a", messages(51, 51))
    assert (first.pushed, second.pushed) == ([51], [])
    first.takes = False
    first.on_push = first.attachment.close
    hub.deliver("chat:a", messages(52, 52))
    assert not first.attachment.wants_wire
    assert hub.followed() == []


def test_the_window_of_a_channel_is_bounded():
    hub = hub_with(window_bytes=3 * EACH)
    hub.learn("chat:a", 0)
    hub.deliver("chat:a", messages(1, 10))
    assert hub.log("chat:a").first == 8
    hub.deliver("chat:a", messages(11, 11, size=5000))
    assert held(hub, "chat:a") == 0
    assert held(hub, hub.learn("chat:b", 10, messages(1, 10)).name) == 3


def test_all_windows_together_are_bounded_the_least_recently_used_goes_first():
    hub = hub_with(windows_bytes=10 * EACH)
    for channel in ("chat:a", "chat:b", "chat:c"):
        hub.learn(channel, 0)
        hub.deliver(channel, messages(1, 3))
    hub.log("chat:a")
    hub.deliver("chat:c", messages(4, 5))
    assert [held(hub, channel) for channel in ("chat:b", "chat:a", "chat:c")] == [0, 3, 5]
    hub.learn("chat:d", 4, messages(1, 4))
    assert [held(hub, channel) for channel in ("chat:a", "chat:c", "chat:d")] == [0, 5, 4]
    assert hub.head("chat:a") == 3


def test_channels_that_nobody_follows_are_forgotten_the_least_recently_used_first():
    hub = hub_with(idle_channels=20)
    logs = [hub.learn(f"chat:{number}", 5) for number in range(100)]
    known = [number for number in range(100) if hub.head(f"chat:{number}") is not None]
    assert known == list(range(known[0], 100))
    assert 20 <= len(known) <= 23
    assert logs[0].epoch is None
    assert logs[99].epoch == EPOCH


def test_channels_that_are_followed_stay_however_many_and_so_do_those_just_used():
    hub = hub_with(idle_channels=20)
    wires = [PlainWire() for _ in range(100)]
    for number, wire in enumerate(wires):
        wire.follow(hub.learn(f"chat:{number}", 5))
    assert len(hub.followed()) == 100
    just_used = [hub.learn(f"job:{number}", 1) for number in range(20)]
    assert [log.epoch for log in just_used] == [EPOCH] * 20
    for wire in wires:
        wire.attachment.close()
    for number in range(40):
        hub.log(f"vote:{number}")
    assert hub.head("chat:99") is None
    assert len([number for number in range(40) if hub.log(f"vote:{number}").head is None]) == 40


def test_a_log_that_was_forgotten_is_not_attached_to():
    hub = hub_with(idle_channels=2)
    log = hub.learn("chat:a", 5)
    for number in range(5):
        hub.learn(f"chat:{number}", 5)
    wire = PlainWire()
    subscription = wire.follow(log, 4)
    assert wire.leaves == 1
    assert wire.read() == []
    assert (subscription.offset, wire.attachment.subscriptions) == (4, {"chat:a": subscription})
    assert log.subscriptions == set()
    wire.attachment.close()


def test_another_life_of_the_log():
    hub = hub_with()
    live, behind, elsewhere = PlainWire(), PlainWire(takes=False), PlainWire()
    log = hub.learn("chat:a", 50)
    for wire in (live, behind):
        wire.follow(log)
        wire.follow(hub.learn("chat:b", 5))
    hub.deliver("chat:a", messages(51, 52))
    hub.renew("life1")
    assert (hub.epoch, hub.head("chat:a"), hub.followed()) == ("life1", None, [])
    assert (live.leaves, behind.leaves, elsewhere.leaves) == (1, 1, 0)
    assert live.read() == behind.read() == []
    assert [s.offset for s in behind.attachment.subscriptions.values()] == [50, 5]
    new = hub.learn("chat:a", 3)
    hub.deliver("chat:a", messages(4, 4))
    assert live.pushed == [51, 52]
    elsewhere.follow(new)  # it came before the change, and asks after it
    assert elsewhere.leaves == 1
    assert hub.followed() == []
