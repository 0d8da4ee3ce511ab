"""What is said about something that is away: once when it goes, and once when it is back.

Everybody who needs it fails meanwhile, some many times a second; a line for each would hide the two that count.
"""

import logging
import time
from collections.abc import Callable

from pymongo.monitoring import TopologyClosedEvent, TopologyDescriptionChangedEvent, TopologyListener, TopologyOpenedEvent

CHANGE = {"is_change": True}
"""Marks a line in the log that is never held back, however soon it follows one of the same wording."""


class Outage:
    """Of one thing, named *what* in the log of *logger*, such as "the log can't be read"."""

    def __init__(self, logger: logging.Logger, what: str, *, clock: Callable[[], float] = time.monotonic):
        self._logger = logger
        self._what = what
        self._clock = clock
        self._since_s: float | None = None
        self._worked_s = float("-inf")

    def failed(self, error: BaseException, began_s: float) -> None:
        """*began_s*: when it was asked, by the clock. If others who asked later were served, it is their answer that counts."""
        if self._since_s is None and began_s >= self._worked_s:
            self._since_s = self._clock()
            self._logger.warning("%s: %s", self._what, type(error).__name__, extra=CHANGE)
        else:
            self._logger.debug("%s, still: %s", self._what, type(error).__name__)

    def worked(self, began_s: float) -> None:
        """As `failed`; who asked before it went says nothing about now."""
        self._worked_s = max(self._worked_s, began_s)
        if self._since_s is not None and began_s >= self._since_s:
            self._logger.info("%s: over, after %.1f s", self._what, self._clock() - self._since_s)
            self._since_s = None


class Primary(TopologyListener):
    """Says when a client's deployment has lost its primary, and when it has one again. The driver calls it, in a thread of its own.

    MongoDB's specification "Server Discovery and Monitoring Logging and Monitoring" names the events.
    """

    def __init__(self, logger: logging.Logger, *, clock: Callable[[], float] = time.monotonic):
        self._logger = logger
        self._clock = clock
        self._since_s: float | None = None
        self._was_there = False
        self.is_closing = False
        """True once the client is being closed on purpose."""

    def opened(self, event: TopologyOpenedEvent) -> None:
        pass

    def description_changed(self, event: TopologyDescriptionChangedEvent) -> None:
        if self.is_closing:
            return
        is_there = event.new_description.has_writable_server()
        if self._was_there and not is_there:
            self._since_s = self._clock()
            self._logger.warning("MongoDB is away: it has no primary that we can reach", extra=CHANGE)
        elif is_there and self._since_s is not None:
            self._logger.info("MongoDB is back, after %.1f s", self._clock() - self._since_s)
            self._since_s = None
        self._was_there = is_there

    def closed(self, event: TopologyClosedEvent) -> None:
        self.is_closing = True
