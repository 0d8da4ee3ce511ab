"""Rounds, slices and forms, one step at a time; test_delivery.py interleaves them with everything else."""

import pytest

from protocol import fanout
from protocol.hub import Hub
from protocol.resume import Resolution
from tests.protocol.plain_wire import EPOCH, PlainWire, messages
from tests.protocol.shared import FORM, OTHER, LinesForm, SharedWire, Turns, following, served


@pytest.fixture
def turns():
    return Turns()


@pytest.fixture
def hub(turns, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 2)
    hub = Hub(EPOCH, lambda channel: None, lambda: 7.0, lambda delay_s, act: None, turns.later)
    hub.learn("chat:a", 0)
    return hub


@pytest.fixture
def log(hub):
    return hub.log("chat:a")


def test_a_turn_serves_a_slice(hub, log, turns):
    wires = following(log, 5)
    hub.deliver("chat:a", messages(1, 1))
    assert served(wires) == [0] * 5
    turns.run()
    assert served(wires) == [1, 1, 0, 0, 0]
    turns.run()
    assert served(wires) == [1, 1, 1, 1, 0]
    turns.all()
    assert served(wires) == [1] * 5 and hub.delivered == 5
    assert log.round is None and log.sent == 1


def test_channels_take_turns(hub, log, turns):
    wires = following(log, 6)
    others = following(hub.learn("chat:b", 0), 2)
    hub.deliver("chat:a", messages(1, 1))
    hub.deliver("chat:b", messages(1, 1))
    turns.run(2)
    assert sum(served(wires)) < 6 and served(others) == [1, 1], "a small channel waits for no large one's end"
    turns.all()
    assert served(wires) == [1] * 6


def test_what_came_in_one_turn_is_sent_together(hub, log, turns):
    [wire] = following(log, 1)
    for offset in (1, 2, 3):
        hub.deliver("chat:a", messages(offset, offset))
    turns.all()
    assert len(wire.sends) == 1 and wire.lines == [1, 2, 3]
    assert hub.delivered == 3


def test_no_batch_is_larger_than_a_socket_may_be_given(hub, log, turns, monkeypatch):
    monkeypatch.setattr(fanout, "BATCH_BYTES", 25)
    [wire] = following(log, 1)
    hub.deliver("chat:a", messages(1, 5, size=10))
    turns.all()
    assert [data.count(b"\n") for data in wire.sends] == [2, 2, 1] and wire.lines == [1, 2, 3, 4, 5]


def test_wires_of_one_form_are_sent_the_same_object(hub, log, turns):
    first, second = following(log, 2)
    [other] = following(log, 1, OTHER)
    hub.deliver("chat:a", messages(1, 1))
    turns.all()
    assert first.sends[0] is second.sends[0] and other.sends[0] == first.sends[0].replace(b"a ", b"b ", 1)


def test_who_takes_nothing_is_behind_from_the_first_message_of_the_batch(hub, log, turns):
    full, wire = following(log, 2)
    full.room = 0
    hub.deliver("chat:a", messages(1, 3))
    turns.all()
    subscription = full.attachment.subscriptions["chat:a"]
    assert (subscription.offset, subscription.is_live, full.attachment.wants_wire) == (0, False, True)
    assert wire.lines == [1, 2, 3]
    full.room = 10**6
    assert full.read() == [1, 2, 3]
    hub.deliver("chat:a", messages(4, 4))
    turns.all()
    assert full.lines == [4] and wire.lines == [1, 2, 3, 4]


def test_who_is_broken_is_behind_and_no_concern_of_others(hub, log, turns):
    broken, wire = following(log, 2)
    broken.is_broken = True
    hub.deliver("chat:a", messages(1, 1))
    turns.all()
    assert not broken.attachment.subscriptions["chat:a"].is_live and wire.lines == [1]


def test_who_takes_a_part_gets_the_rest_and_stays_live(hub, log, turns):
    [wire] = following(log, 1)
    wire.room = 7
    hub.deliver("chat:a", messages(1, 2))
    turns.all()
    assert len(wire.sends[0]) == 7 and wire.lines == [1, 2]
    assert wire.attachment.subscriptions["chat:a"].is_live and not wire.attachment.wants_wire


def test_who_leaves_in_the_middle_of_a_round_gets_nothing_more(hub, log, turns):
    wires = following(log, 4)
    wires[0].on_send = lambda: [wires[1].attachment.close(), wires[3].attachment.close()]
    hub.deliver("chat:a", messages(1, 1))
    turns.all()
    assert served(wires) == [1, 0, 1, 0]


def test_who_joins_in_the_middle_of_a_round_gets_each_message_once(hub, log, turns):
    wires = following(log, 4)
    hub.deliver("chat:a", messages(1, 1))
    turns.run()
    late = SharedWire()
    subscription = late.attachment.attach(log, Resolution(0, True), announce=False)
    assert late.read() == [1]
    assert subscription in log.ahead
    hub.deliver("chat:a", messages(2, 2))
    turns.all()
    assert late.pushed + late.lines == [2] and served(wires) == [2] * 4
    assert subscription in log.live[FORM], "once the others are as far, it shares what they get"
    hub.deliver("chat:a", messages(3, 3))
    turns.all()
    assert late.lines[-1] == 3 and all(wire.lines == [1, 2, 3] for wire in wires)


def test_who_is_ahead_and_refuses_falls_behind_where_it_was(hub, log, turns):
    following(log, 4)
    hub.deliver("chat:a", messages(1, 1))
    turns.run()
    late = SharedWire()
    subscription = late.attachment.attach(log, Resolution(0, True), announce=False)
    late.read()
    late.takes = False
    hub.deliver("chat:a", messages(2, 2))
    turns.all()
    assert (subscription.offset, late.attachment.wants_wire) == (1, True)
    assert late.read() == [2]


def test_a_fault_of_one_puts_all_behind_and_loses_nothing(hub, log, turns):
    """Whoever was served before it may be told again, and knows by the offset; nobody may be left out."""

    def fail():
        raise ZeroDivisionError

    wires = following(log, 4)
    apart = SharedWire(None)
    apart.follow(log)
    apart.on_push = fail
    hub.deliver("chat:a", messages(1, 2))
    with pytest.raises(ZeroDivisionError):
        turns.run()
    assert log.round is None
    for wire in (*wires, apart):
        assert wire.attachment.wants_wire and wire.read() == [1, 2]
    apart.on_push = lambda: None
    hub.deliver("chat:a", messages(3, 3))
    turns.all()
    assert [wire.lines + wire.pushed for wire in (*wires, apart)] == [[3]] * 5


def test_a_fault_in_one_channel_does_not_stop_the_others(hub, log, turns):
    apart = PlainWire()
    apart.follow(log)
    apart.on_push = lambda: 1 // 0
    [other] = following(hub.learn("chat:b", 0), 1)
    hub.deliver("chat:a", messages(1, 1))
    hub.deliver("chat:b", messages(1, 1))
    with pytest.raises(ZeroDivisionError):
        turns.run()
    turns.all()
    assert other.lines == [1]


def test_a_signal_reaches_who_shares_who_does_not_and_who_is_behind(hub, log, turns):
    [shared] = following(log, 1)
    [other] = following(log, 1, OTHER)
    behind, apart = SharedWire(), SharedWire(None)
    behind.attachment.attach(log, Resolution(0, True))
    apart.follow(log)
    hub.signal("chat:a", b"hi")
    turns.all()
    assert shared.lines == other.lines == ["hi"] and behind.signals == apart.signals == [b"hi"]
    assert not (shared.signals or behind.sends or apart.sends), "by one way each"


def test_a_signal_goes_behind_the_messages_that_came_before_it(hub, log, turns):
    [wire] = following(log, 1)
    hub.deliver("chat:a", messages(1, 2))
    hub.signal("chat:a", b"hi")
    turns.all()
    assert len(wire.sends) == 1 and wire.lines == [1, 2, "hi"]


def test_a_signal_is_dropped_for_who_is_full(hub, log, turns):
    full, wire = following(log, 2)
    full.room = 0
    hub.signal("chat:a", b"hi")
    turns.all()
    subscription = full.attachment.subscriptions["chat:a"]
    assert full.lines == [] and wire.lines == ["hi"] and subscription.is_live
    full.room = 10**6
    hub.deliver("chat:a", messages(1, 1))
    turns.all()
    assert full.lines == [1]


def test_a_form_that_has_no_signals_is_told_in_its_own_way(hub, log, turns):
    class Silent(LinesForm):
        def signal(self, payload):
            return b""

    [shared] = following(log, 1)
    [poll] = following(log, 1, Silent(b"poll"))
    hub.signal("chat:a", b"hi")
    turns.all()
    assert shared.lines == ["hi"] and poll.signals == [b"hi"] and not poll.sends


def test_of_states_only_the_newest_goes_out(turns, hub):
    log = hub.learn("job:a", 0)
    [wire] = following(log, 1)
    for offset in (1, 2, 3):
        state = messages(offset, offset)
        state[0].is_state = True
        log.delivered_s = 0.0
        hub.deliver("job:a", state)
    turns.all()
    assert wire.lines == [3]


def test_a_jump_sends_first_what_waits(hub, log, turns):
    wires = following(log, 3)
    hub.deliver("chat:a", messages(1, 1))
    turns.run()
    hub.jump("chat:a", 9)
    assert [wire.lines for wire in wires] == [[1]] * 3
    assert [wire.attachment.subscriptions["chat:a"].offset for wire in wires] == [1] * 3 and log.sent == 9
    turns.all()
    assert [wire.lines for wire in wires] == [[1]] * 3


@pytest.mark.parametrize("turns_before", [0, 1])
def test_another_life_ends_a_round_where_it_is(hub, log, turns, turns_before):
    wires = following(log, 4)
    hub.deliver("chat:a", messages(1, 1))
    hub.signal("chat:a", b"hi")
    turns.run(turns_before)
    before = served(wires)
    hub.renew("life1")
    turns.all()
    assert served(wires) == before and all(wire.leaves == 1 for wire in wires)


def test_nobody_there_costs_nothing(hub, log, turns):
    hub.deliver("chat:a", messages(1, 2))
    assert (turns.due, log.sent, log.pending, log.round) == ([], 2, [], None)
