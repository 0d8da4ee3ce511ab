"""The two shapes of a wire, as handlers/ have them, each holding to account what it is given to say (account.py)."""

from collections import deque
from typing import Any

from protocol.message import Message
from protocol.positions import Position, Start
from protocol.resume import Resolution
from protocol.session import Attachment, Read
from protocol.subscription import Subscription
from tests.protocol.account import Account
from tests.protocol.process import Process
from tests.protocol.shared import LinesForm
from tests.protocol.true_log import Away, Steps

PAGE_BYTES = 600
"""A few messages, or one."""
ANSWER_BYTES = 800


class StreamWire:
    """WebSocket or SSE: takes bytes or pushes while its socket isn't full; a task pumps while there is something to catch up with.

    Of bytes that others get, too, its socket may take only a part: the rest is queued, and all that follows behind it.
    """

    def __init__(self, process: Process, start: Any, form: LinesForm | None):
        self.form = form
        self.link = self
        self.process = process
        self.attachment = Attachment(self, process.hub.epoch)
        self.account = Account(process)
        self.sent: list[dict[str, Any]] = []
        """Events on their way to the client."""
        self.is_full = self.is_closed = False
        self._commands: deque[dict[str, Start | None]] = deque()
        self._start = start
        self._is_obeying = self._is_pumping = False
        self._part = b""
        """What the socket took of bytes whose rest is to come."""
        self._queue: list[dict[str, Any]] | None = None

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        if self.is_full or self.is_closed or self._queue is not None:
            return False
        for message in messages:
            self._write(self.account.say(message))
        return True

    def send(self, data: bytes) -> int:
        """All of *data*, some or none."""
        assert self.form is not None
        if self.is_closed:
            return len(data)
        if self.is_full or self._queue is not None:
            if self.process.pick(2):
                raise BlockingIOError
            return 0
        count = self.process.pick(len(data)) if self.process.pick(4) == 1 else len(data)
        if count == len(data):
            self._say(data)
        else:
            self._part = data[:count]
        return count

    def rest(self, data: bytes) -> None:
        assert self._part and data, "the rest of nothing"
        whole, self._part = self._part + data, b""
        self._queue = []
        self._say(whole)
        self._start(self._flush())

    def _say(self, data: bytes) -> None:
        assert self.form is not None
        for message in self.form.read(data):
            self._write(self.account.say(message))

    def _write(self, event: dict[str, Any]) -> None:
        assert not self._part, "something else within what was only begun"
        (self.sent if self._queue is None else self._queue).append(event)

    def _flush(self) -> Steps[None]:
        yield
        while self.is_full and not self.is_closed:
            yield
        assert self._queue is not None
        self.sent += self._queue
        self._queue = None

    def wake(self) -> None:
        if not self._is_pumping and not self.is_closed:
            self._is_pumping = True
            self._start(self._pump())

    def leave(self) -> None:
        self._write({"type": "goaway"})

    def signal(self, payload: bytes) -> None:
        raise AssertionError("nothing here sends signals")

    def close(self) -> None:
        self.is_closed = True
        self.attachment.close()

    def command(self, starts: dict[str, Start | None]) -> None:
        """Subscribes to channels from there, or unsubscribes where it is None; in the order in which it is called."""
        self._commands.append(starts)
        if not self._is_obeying:
            self._is_obeying = True
            self._start(self._obey())

    def _obey(self) -> Steps[None]:
        while self._commands and not self.is_closed:
            starts = self._commands.popleft()
            for name in [name for name, start in starts.items() if start is None]:
                self.attachment.detach(name)
                self.account.end(name)
                self._acknowledge(name)
            yield from self._subscribe({name: start for name, start in starts.items() if start is not None})
        self._is_obeying = False

    def _subscribe(self, starts: dict[str, Start]) -> Steps[None]:
        """Looks up all, then attaches all, as a request with several `sub` does."""
        asked = {name: self.account.ask(name, start) for name, start in starts.items()}
        located = []
        try:
            for name, start in starts.items():
                log, resolution = yield from self.process.locate(name, start)
                self.account.check(name, asked[name], resolution)
                located.append((log, resolution))
                if len(starts) > 1:
                    yield
        except Away:
            self.leave()
            return
        if not self.is_closed:
            for log, resolution in located:
                self._acknowledge(log.name)
                self.account.begin(log.name, resolution)
                self.attachment.attach(log, resolution)

    def _acknowledge(self, name: str) -> None:
        self._write({"type": "ack", "channel": name})

    def _pump(self) -> Steps[None]:
        try:
            while not self.is_closed:
                if self._queue is not None:
                    yield
                    continue
                pulled = self.attachment.pull(PAGE_BYTES)
                if isinstance(pulled, Read):
                    page = yield from self.process.reader.page(pulled.channel, pulled.after, PAGE_BYTES)
                    self.attachment.give(pulled, page)
                elif pulled:
                    for message in (message for batch in pulled for message in batch.messages):
                        self._write(self.account.say(message))
                    while self.is_full and not self.is_closed:
                        yield
                else:
                    return
        except Away:
            self.leave()
        finally:
            self._is_pumping = False


class PollWire:
    """One request of long-poll or short-poll: is answered by what it pulls, or with the bytes that others get, and refuses every push."""

    def __init__(self, process: Process, form: LinesForm | None):
        self.process = process
        self.form = form
        self.link = self
        self.answer: list[Message] = []
        self.attachment = Attachment(self, process.hub.epoch)
        self.account = Account(process)
        self.is_woken = self.was_sent_away = False

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        return False

    def wake(self) -> None:
        self.is_woken = True

    def leave(self) -> None:
        self.was_sent_away = self.is_woken = True

    def signal(self, payload: bytes) -> None:
        raise AssertionError("nothing here sends signals")

    def send(self, data: bytes) -> int:
        assert self.form is not None and not self.answer
        self.answer = list(self.form.read(data))
        self.attachment.close()
        return len(data)

    def rest(self, data: bytes) -> None:
        raise AssertionError("send takes all")

    def request(self, starts: dict[str, Start], hold: int) -> Steps[tuple[list[dict[str, Any]], dict[str, Position]]]:
        """The answer's events, and the positions of its `next`. Waits *hold* steps at most. Raises Away."""
        try:
            for name, start in starts.items():
                asked = self.account.ask(name, start)
                if self.form is not None and isinstance(start, Position) and (rests := self.process.hub.at_rest(name, start)) is not None:
                    self.account.begin(name, Resolution(start.offset, True), is_announced=False)
                    self.attachment.join(rests)
                    continue
                log, resolution = yield from self.process.locate(name, start)
                is_fresh = not (isinstance(start, Position) and resolution.recovered)
                self.account.check(name, asked, resolution)
                self.account.begin(name, resolution, is_announced=is_fresh)
                self.attachment.attach(log, resolution, announce=is_fresh)
            events = yield from self._collect()
            if not events:
                self.is_woken = False
                while hold and not self.is_woken and not self.answer:
                    hold -= 1
                    yield
                if self.answer:
                    events = [self.account.say(message) for message in self.answer]
                    return events, {events[-1]["channel"]: events[-1]["position"]}
                events = yield from self._collect()
            subscriptions = self.attachment.subscriptions.values()
            following = {s.channel: Position(self.attachment.epoch, s.offset) for s in subscriptions}
            for name, position in self.account.positions.items():
                assert self.account.is_next(name, position, following[name].offset), "next is not where the answer ends"
            return events, following
        finally:
            self.attachment.close()

    def _collect(self) -> Steps[list[dict[str, Any]]]:
        events: list[dict[str, Any]] = []
        size = 0
        while size < ANSWER_BYTES:
            pulled = self.attachment.pull(ANSWER_BYTES - size)
            if isinstance(pulled, Read):
                page = yield from self.process.reader.page(pulled.channel, pulled.after, ANSWER_BYTES - size)
                self.attachment.give(pulled, page)
            elif pulled:
                size += sum(batch.size_bytes for batch in pulled)
                events.extend(self.account.say(message) for batch in pulled for message in batch.messages)
            else:
                break
        return events
