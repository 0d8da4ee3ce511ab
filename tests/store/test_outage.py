"""What is said when something is away: a line when it goes, a line when it is back, whatever fails in between."""

import logging

import pytest
from pymongo.errors import AutoReconnect

from store.outage import Outage, Primary

logger = logging.getLogger("anywire.test-outage")


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, logger.name)
    return lambda: [record.getMessage() for record in caplog.records]


def test_one_line_when_it_goes_and_one_when_it_is_back(clock, said):
    outage = Outage(logger, "the log can't be read", clock=clock)
    outage.worked(clock.now_s)
    for _ in range(50):
        outage.failed(AutoReconnect(), clock.now_s)
        clock.now_s += 0.1
    outage.worked(clock.now_s)
    outage.worked(clock.now_s)
    assert said() == ["the log can't be read: AutoReconnect", "the log can't be read: over, after 5.0 s"]


def test_what_was_asked_before_the_change_says_nothing_about_now(clock, said):
    outage = Outage(logger, "it", clock=clock)
    outage.failed(AutoReconnect(), 100.0)
    outage.worked(99.0)  # an answer that was on its way
    clock.now_s = 103.0
    outage.worked(102.0)
    outage.failed(AutoReconnect(), 101.0)  # one that has hung since before
    assert said() == ["it: AutoReconnect", "it: over, after 3.0 s"]
    outage.failed(AutoReconnect(), 103.0)
    assert len(said()) == 3


class Changed:
    """As much of the driver's event as is looked at."""

    def __init__(self, is_there):
        self.new_description = self
        self.has_writable_server = lambda: is_there


def test_a_primary_that_was_never_there_is_not_missed(clock, said):
    primary = Primary(logger, clock=clock)
    for is_there in (False, False, True, True):
        primary.description_changed(Changed(is_there))
    assert said() == []
    primary.description_changed(Changed(False))
    clock.now_s += 2
    for is_there in (False, True):
        primary.description_changed(Changed(is_there))
    assert said() == ["MongoDB is away: it has no primary that we can reach", "MongoDB is back, after 2.0 s"]
    primary.is_closing = True
    primary.description_changed(Changed(False))
    assert len(said()) == 2
