"""Where a subscription goes on from: the arithmetic of positions, pure."""

from typing import NamedTuple

from protocol.channel import ChannelLog
from protocol.positions import MAX_REPLAY, Last, Next, Oldest, Position, Start


class Bounds(NamedTuple):
    """What the log's primary said: the newest offset, and the newest one that is no longer kept (0: none was dropped)."""

    head: int
    floor: int


class Resolution(NamedTuple):
    offset: int
    """The subscription goes on after this offset."""
    recovered: bool
    """False where the position couldn't be resumed, so that something may be missing."""


def resolve(start: Start, epoch: str, log: ChannelLog, bounds: Bounds | None = None) -> Resolution | None:
    """Where *start* lies; None where memory can't tell and current *bounds* are needed.

    With *bounds*, `log.head` must have reached `bounds.head` (the hole filled first), so that a position
    ahead of a lagging process is never mistaken for one of a log that lost something.
    """
    assert log.head is not None
    if log.is_state:
        return _resolve_state(start, epoch, log.head, bounds)
    match start:
        case Next():
            return Resolution(log.head, True)
        case Last(number):
            wanted = log.head - number
            if wanted >= log.first - 1 or wanted <= 0 and log.first == 1:
                return Resolution(max(wanted, 0), True)
            return bounds and Resolution(max(wanted, bounds.floor), True)
        case Oldest():
            return bounds and Resolution(bounds.floor, True)
        case Position(epoch_then, offset):
            if epoch_then == epoch and log.first - 1 <= offset <= log.head:
                return Resolution(offset, True)
            if bounds is None:
                return None
            if epoch_then == epoch and bounds.floor <= offset <= log.head:
                return Resolution(offset, True)
            return restart(log.head, bounds.floor)
    raise AssertionError(start)


def _resolve_state(start: Start, epoch: str, head: int, bounds: Bounds | None) -> Resolution | None:
    """The current state comes first, whatever *start*, unless the position is already its own; nothing that was skipped is missed."""
    before = Resolution(head - 1, True)
    if not isinstance(start, Position):
        return before
    if start.epoch != epoch:
        return before._replace(recovered=False)
    if start.offset <= head:
        return Resolution(start.offset, True)
    return bounds and before


def restart(head: int, floor: int) -> Resolution:
    """Begin anew with the newest messages still kept, 1,000 at most."""
    return Resolution(max(head - MAX_REPLAY, floor), False)
