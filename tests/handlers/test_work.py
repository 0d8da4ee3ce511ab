"""The work of a delivery, counted and not timed: a machine's load changes nothing of it, so the smallest step back is seen.

To one receiver more, a fan-out is one call of its socket's `send`: no Python function, and no object that the garbage collector
would have to look at. What came in one turn of the loop is joined, and costs less than one call a message.
"""

import asyncio
import gc
import select
import socket
import sys
from collections import Counter
from statistics import median

import pytest

from protocol.message import Message
from protocol.positions import Position
from tests.handlers.four_wires import LongPollWire, SseWire, WebSocketWire
from tests.handlers.inside import inside
from tests.handlers.talking import Visitor, database_uri

RECEIVERS = 100
"""And as many again: what the second hundred adds is what a receiver costs. Both ends of all their sockets fit into the usual limit."""
ROUNDS = 9
SOME = 0.1
"""Of an object for each receiver: the round makes a few, whose number is not always the same."""
STREAMS = [(WebSocketWire, ""), (SseWire, "ids=0"), (SseWire, "")]
NAMES = ["websocket", "sse without ids", "sse with ids"]
POLL_CALLS = 25
"""For a held poll, which ends with its answer: what an attachment and a subscription take to be let go of. They were 21."""


@pytest.fixture(scope="module")
def here(server):
    """A server whose loop can be looked into."""
    with inside(database_uri(server, "work")) as running:
        yield running


class Fan:
    """Receivers of one channel, and messages for them, which nobody has to store."""

    def __init__(self, here, channel, opened, kind, more):
        self._here = here
        self._channel = channel
        self._open = lambda: opened(kind, here, channel, more=more)
        self.wires = []

    def grow(self, count):
        fresh = [self._open() for _ in range(count)]
        for wire in fresh:
            wire.subscribed()
        self.wires += fresh
        self.until_live()

    def until_live(self):
        self._here.call(self._until_live())

    async def _until_live(self):
        while len([one for group in self.log.live.values() for one in group]) < len(self.wires):
            await asyncio.sleep(0.001)

    @property
    def log(self):
        return self._here.node.hub.log(self._channel)

    def send(self, count, measure):
        """What *measure* finds of a fan-out of *count* messages; all receivers get them."""
        found = self._here.call(self._send(count, measure))
        for wire in self.wires:
            assert [message["data"] for message in wire.take(count)] == list(range(count))
        return found

    async def _send(self, count, measure):
        hub, log = self._here.node.hub, self.log
        for number in range(count):
            offset = log.head + 1
            position = Position(log.epoch, offset)
            event = b'{"type":"message","channel":"%s","offset":%d,"position":"%s","id":"x","time":0,"user":null,"data":%d}'
            payload = event % (self._channel.encode(), offset, str(position).encode(), number)
            hub.deliver(self._channel, [Message(offset, payload)])
        assert log.pending and log.round is not None, "what comes in one turn goes out in the next"
        return measure(lambda: hub._fanout.finish(log))


def tracked(act):
    """By how many objects more than before the collector has to look at, once that is done."""
    gc.collect()
    gc.disable()
    try:
        before = gc.get_count()[0]
        act()
        return gc.get_count()[0] - before
    finally:
        gc.enable()


class Profile:
    """How often each function is called in this thread: those of sockets and of epoll, which are system calls, under that name."""

    def __init__(self):
        self.seen = Counter()

    def begin(self):
        sys.setprofile(self._note)

    def end(self):
        sys.setprofile(None)

    def _note(self, frame, event, argument):
        if event == "call":
            self.seen[frame.f_code.co_name] += 1
        elif event == "c_call" and argument is not sys.setprofile:
            is_system_call = isinstance(getattr(argument, "__self__", None), (socket.socket, select.epoll))
            self.seen["system call" if is_system_call else argument.__name__] += 1


def calls(act):
    """How often each function is called meanwhile."""
    profile = Profile()
    profile.begin()
    try:
        act()
    finally:
        profile.end()
    del profile.seen["end"]
    return profile.seen


def usual(fan, measure):
    """The middle one of several: another thread may be at work at times."""
    return median(fan.send(1, measure) for _ in range(ROUNDS))


@pytest.mark.parametrize(("kind", "more"), STREAMS, ids=NAMES)
def test_a_delivery_makes_no_object_that_the_collector_tracks(here, channel, opened, kind, more):
    fan = Fan(here, channel, opened, kind, more)
    fan.grow(RECEIVERS)
    few = usual(fan, tracked)
    fan.grow(RECEIVERS)
    assert usual(fan, tracked) - few < RECEIVERS * SOME


@pytest.mark.parametrize(("kind", "more"), STREAMS, ids=NAMES)
def test_a_delivery_is_one_system_call_and_nothing_else(here, channel, opened, kind, more):
    fan = Fan(here, channel, opened, kind, more)
    fan.grow(RECEIVERS)
    few = fan.send(1, calls)
    fan.grow(RECEIVERS)
    assert fan.send(1, calls) - few == {"system call": RECEIVERS}


@pytest.mark.parametrize(("kind", "more"), STREAMS, ids=NAMES)
def test_what_comes_in_one_turn_is_one_system_call_for_all_of_it(here, channel, opened, kind, more):
    fan = Fan(here, channel, opened, kind, more)
    fan.grow(RECEIVERS)
    assert fan.send(5, calls)["system call"] == RECEIVERS


@pytest.mark.parametrize(("kind", "more"), STREAMS, ids=NAMES)
def test_from_the_publisher_to_the_receivers_it_takes_less_than_a_system_call_a_delivery(here, channel, opened, kind, more):
    """Everything that the loop's thread does counts: the request, the commit and the fan-out."""
    visitor = Visitor(here)
    fan = Fan(here, channel, opened, kind, more)
    fan.grow(RECEIVERS)
    profile = Profile()
    here.loop.call_soon_threadsafe(profile.begin)
    visitor.publish_all(channel, range(50))
    for wire in fan.wires:
        assert [message["data"] for message in wire.take(50)] == list(range(50))
    here.call(asyncio.to_thread(int))  # two more turns of the loop
    here.loop.call_soon_threadsafe(profile.end)
    here.call(asyncio.to_thread(int))
    assert RECEIVERS <= profile.seen["system call"] < RECEIVERS * 50 / 2


def test_a_held_poll_is_answered_by_one_system_call(here, channel, opened):
    fan = Fan(here, channel, opened, LongPollWire, "")
    fan.grow(RECEIVERS)
    few = fan.send(1, calls)
    for wire in fan.wires:
        wire.follow()
    fan.grow(RECEIVERS)
    added = fan.send(1, calls) - few
    assert added["system call"] == RECEIVERS
    assert added.total() / RECEIVERS <= POLL_CALLS


def test_held_polls_leave_nothing_behind_for_the_collector(here, channel, opened):
    """From one held request to the next, of as many receivers."""
    fan = Fan(here, channel, opened, LongPollWire, "")
    fan.grow(RECEIVERS)

    def around():
        fan.send(1, lambda act: act())
        for wire in fan.wires:
            wire.answers.clear()  # what the clients remember is no work of the server's
            wire.events.clear()
            wire.follow()
        fan.until_live()

    async def objects():
        gc.collect()
        return Counter(type(thing).__name__ for thing in gc.get_objects())

    around()
    before = here.call(objects())
    for _ in range(5):
        around()
    grown = here.call(objects()) - before
    assert {name: count for name, count in grown.items() if count >= RECEIVERS} == {}
