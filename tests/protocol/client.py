"""A client that follows the contract: over any number of wires at once, it delivers what follows its position."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from protocol.positions import Next, Position, Start
from tests.protocol.process import Process
from tests.protocol.shared import LinesForm
from tests.protocol.true_log import Away, Steps
from tests.protocol.wires import PollWire, StreamWire

if TYPE_CHECKING:
    from tests.protocol.world import World

FORMS = (LinesForm(b"a"), LinesForm(b"b"), None)
"""What a wire's bytes are shared by, if by any."""


class Client:
    def __init__(self, world: "World", channels: tuple[str, ...]):
        self.wants: dict[str, Start] = {name: Next() for name in channels}
        self.positions: dict[str, Position] = {}
        self.wires: dict[StreamWire, Counter[str]] = {}
        """The open ones, and how many commands for a channel each has not acknowledged yet; the last one is in use."""
        self.is_polling = False
        self.delivered = 0
        self._world = world

    def starts(self) -> dict[str, Start]:
        return {name: self.positions.get(name, start) for name, start in self.wants.items()}

    def open(self, process: Process) -> None:
        wire = StreamWire(process, self._world.start, FORMS[self._world.pick(len(FORMS))])
        self.wires[wire] = Counter()
        if self.wants:
            self._command(wire, dict(self.starts()))

    def close(self, wire: StreamWire) -> None:
        was_in_use = wire is self._in_use
        del self.wires[wire]
        wire.close()
        if was_in_use and self._in_use is not None and self.wants:
            self._command(self._in_use, dict(self.starts()))  # it may have been told of a gap, which didn't count then

    def subscribe(self, name: str, start: Start | None) -> None:
        """Begins anew with *start*, or with None ends: what was known of the channel is forgotten."""
        self.wants.pop(name, None)
        self.positions.pop(name, None)
        if start is not None:
            self.wants[name] = start
        if isinstance(start, Position):
            self.positions[name] = start
        for wire in self.wires:
            self._command(wire, {name: start})

    def read(self, wire: StreamWire, number: int) -> None:
        events, wire.sent = wire.sent[:number], wire.sent[number:]
        for event in events:
            if event["type"] == "goaway":
                self.close(wire)
                return
            name = event["channel"]
            if event["type"] == "ack":
                self.wires[wire][name] -= 1
            elif self.wires[wire][name]:
                pass  # of an earlier subscription
            elif self._take(event, wire is self._in_use):
                self._command(wire, {name: self.positions[name]})

    def poll(self, process: Process, hold: int) -> Steps[None]:
        """One request and its answer, after which it is where `next` says, as curl is."""
        self.is_polling = True
        asked = self.starts()
        is_shared = len(asked) == 1 and hold > 0 and self._world.pick(3) > 0
        wire = PollWire(process, LinesForm(b"poll") if is_shared else None)
        try:
            events, following = yield from wire.request(asked, hold)
            yield
        except Away:
            return
        finally:
            self.is_polling = False
        if self.starts() != asked or wire.was_sent_away or not all(self._world.knows(wire.attachment.epoch, s) for s in asked.values()):
            return  # another wire or the user has moved it meanwhile; or it has to come again
        for event in events:
            self._take(event, True)
        for name, position in following.items():
            assert wire.account.is_next(name, self.positions[name].offset, position.offset), "next is not where the events lead"

    @property
    def _in_use(self) -> StreamWire | None:
        return next(reversed(self.wires), None)

    def _command(self, wire: StreamWire, starts: dict[str, Start | None]) -> None:
        self.wires[wire].update(starts.keys())
        wire.command(starts)

    def _take(self, event: dict[str, Any], is_in_use: bool) -> bool:
        """True where this wire began further on, so that it has to be attached again."""
        name, position = event["channel"], event["position"]
        mine = self.positions.get(name)
        if event["type"] == "subscribed":
            if mine is None:
                self.positions[name] = position
            elif self._world.is_later(mine, position):
                if event["recovered"]:
                    return not name.startswith("job:") or mine.epoch != position.epoch  # a newer state of the same life is as good
                if is_in_use:
                    self._world.check_gap(name, mine, position)
                    self.positions[name] = position
            return False
        if mine is None or mine.epoch != position.epoch:
            return False
        if position.offset == mine.offset + 1 or event["type"] == "state" and position.offset > mine.offset:
            self.positions[name] = position
            self.delivered += 1
            return False
        return bool(position.offset > mine.offset)
