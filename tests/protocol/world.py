"""A log, a few processes, a bus that loses, repeats and reorders, and clients that follow the contract; a script decides
everything that happens, in which order, and where each await ends.
"""

from collections.abc import Callable
from typing import Any

from protocol.positions import Last, Next, Oldest, Position, Start
from tests.protocol.client import Client
from tests.protocol.process import Notice, Process
from tests.protocol.true_log import Steps, Truth

CHANNELS = ("chat:a", "job:b", "chat:c")
"""That of jobs holds states: of these only the last must arrive."""
OTHERS = ("chat:d", "chat:e", "chat:f", "job:g")
"""Channels that nobody follows for long: what is remembered of them is shed."""


class World:
    def __init__(self, script: bytes, *, processes: int = 3, clients: int = 2):
        self._script = script
        self._at = 0
        self.truth = Truth()
        self.tasks: list[Steps[None]] = []
        self.processes = [Process(self.truth, self.pick, self.start) for _ in range(processes)]
        self.clients = [Client(self, CHANNELS[: 2 + number % 2]) for number in range(clients)]
        self.gaps = 0
        """How many the clients were told of."""

    def pick(self, below: int) -> int:
        if self._at >= len(self._script):
            return 0
        self._at += 1
        return self._script[self._at - 1] % below

    def start(self, task: Steps[None]) -> None:
        self.tasks.append(task)

    def run(self) -> None:
        while self._at < len(self._script):
            HAPPENINGS[self.pick(len(HAPPENINGS))](self)
            for process in self.processes:
                process.check_memory()
        self.settle()

    # what the clients are judged by

    def knows(self, epoch: str, start: Start) -> bool:
        """False for a process in *epoch* that hasn't heard of the life which *start* is of."""
        epochs = self.truth.epochs
        return not isinstance(start, Position) or epochs.index(start.epoch) <= epochs.index(epoch)

    def is_later(self, mine: Position, position: Position) -> bool:
        epochs = self.truth.epochs
        return (epochs.index(position.epoch), position.offset) > (epochs.index(mine.epoch), mine.offset)

    def check_gap(self, name: str, mine: Position, position: Position) -> None:
        self.gaps += 1
        channel = self.truth.channel(name, position.epoch)
        if channel.is_state:
            return
        assert position.epoch != mine.epoch or channel.floor > mine.offset, "told of a loss that never was"
        assert position.offset <= channel.floor, "messages that are still kept were left out"

    # what happens

    def _any(self, things: list[Any] | tuple[Any, ...]) -> Any:
        return things[self.pick(len(things))] if things else None

    def commit(self) -> None:
        name, process = self._any(CHANNELS), self._any(self.processes)
        if process.hub.epoch != self.truth.epoch:
            return
        number = (1, 1, 2, 3, 7)[self.pick(5)]
        messages = self.truth.channel(name).commit([(10, 60, 500)[self.pick(3)] for _ in range(number)])
        notice = Notice(self.truth.epoch, name, messages)
        for other in self.processes:
            if other is process:
                other.hear(notice)
            else:
                other.inbox.append(notice)

    def bring(self) -> None:
        """The bus brings something, early or late, and perhaps again."""
        process = self._any(self.processes)
        process.now_s += (0, 0.02, 0.1)[self.pick(3)]
        if process.inbox:
            index = self.pick(min(3, len(process.inbox)))
            process.hear(process.inbox[index] if self.pick(5) == 1 else process.inbox.pop(index))

    def lose(self) -> None:
        process = self._any(self.processes)
        if process.inbox:
            process.inbox.pop(self.pick(len(process.inbox)))

    def refresh(self) -> None:
        self.start(self._any(self.processes).refresh(self._any(CHANNELS + OTHERS)))

    def step(self) -> None:
        if self.tasks:
            task = self._any(self.tasks)
            try:
                next(task)
            except StopIteration:
                self.tasks.remove(task)

    def trim(self) -> None:
        channel = self.truth.channel(self._any(CHANNELS))
        keep = max(self.pick(4), channel.is_state)
        channel.raise_floor(len(channel.chunks) - keep)

    def sweep(self) -> None:
        self.truth.channel(self._any(CHANNELS)).sweep(1 + self.pick(4))

    def open(self) -> None:
        client = self._any(self.clients)
        if len(client.wires) < 3:
            client.open(self._any(self.processes))

    def poll(self) -> None:
        client = self._any(self.clients)
        if client.wants and not client.is_polling:
            self.start(client.poll(self._any(self.processes), self.pick(20)))

    def cut(self) -> None:
        client = self._any(self.clients)
        if client.wires:
            client.close(self._any(list(client.wires)))

    def fill_up(self) -> None:
        """A socket becomes full, or takes again."""
        wire = self._any([wire for client in self.clients for wire in client.wires])
        if wire is not None:
            wire.is_full = not wire.is_full

    def read(self) -> None:
        client = self._any(self.clients)
        if client.wires:
            client.read(self._any(list(client.wires)), 1 + self.pick(6))

    def subscribe(self) -> None:
        client, name = self._any(self.clients), self._any(CHANNELS)
        choices: list[Start | None] = [None, Next(), Last(1), Last(3), Last(1000), Oldest()]
        if name in client.positions:
            known = client.positions[name]
            choices += [known, known._replace(offset=self.pick(known.offset + 1))]
        client.subscribe(name, self._any(choices))

    def restore(self) -> None:
        if self.pick(8) == 1:
            self.truth.restore()

    def renew(self) -> None:
        self._any(self.processes).renew()

    # and in the end

    def settle(self) -> None:
        """Everything comes to rest: then each client is at the head of all that it follows, and no task is left."""
        for process in self.processes:
            process.renew()
            process.reader.is_shaky = False
        for client in self.clients:
            for wire in list(client.wires)[:-1]:
                client.close(wire)
        for _ in range(4):
            self._connect()
            for process in self.processes:
                while process.inbox:
                    process.hear(process.inbox.pop())
                for name in process.hub.followed():
                    self.start(process.refresh(name))
            self._finish()
        self._check_heads()
        for name in CHANNELS:  # of two messages the bus loses the first: the second one shows it, and nobody asks the log
            _, brought = self.truth.channel(name).commit([10]), self.truth.channel(name).commit([10])
            for process in self.processes:
                process.hear(Notice(self.truth.epoch, name, brought))
        self._finish()
        self._connect()
        self._finish()
        self._check_heads()
        self._check_polls()
        self._leave()

    def _connect(self) -> None:
        for client in self.clients:
            if not client.wires:
                client.open(self.processes[0])
            for wire in client.wires:
                wire.is_full = False

    def _check_heads(self) -> None:
        for client in self.clients:
            for name in client.wants:
                truth = self.truth.channel(name)
                assert client.positions[name] == Position(truth.epoch, truth.head), "a client was left behind"

    def _leave(self) -> None:
        for client in self.clients:
            for wire in list(client.wires):
                client.close(wire)
        for process in self.processes:
            process.check_memory()
            assert process.hub.followed() == []

    def _finish(self) -> None:
        for _ in range(20_000):
            reading = [(client, wire) for client in self.clients for wire in client.wires if wire.sent]
            for client, wire in reading:
                client.read(wire, len(wire.sent))
            if self.tasks:
                task = self.tasks.pop(0)
                try:
                    next(task)
                except StopIteration:
                    continue
                self.tasks.append(task)
            elif not reading:
                return
        raise AssertionError("it never comes to rest")

    def _check_polls(self) -> None:
        """A poll of any process, from where each client stands, is neither answered nor told of a loss."""
        for client in self.clients:
            for process in self.processes:
                if client.wants:
                    before = dict(client.positions)
                    self.start(client.poll(process, 3))
                    self._finish()
                    assert client.positions == before


HAPPENINGS: list[Callable[[World], None]] = [
    *[World.step] * 20,
    *[World.commit] * 3,
    *[World.bring] * 3,
    *[World.read] * 3,
    World.fill_up,
    *[World.subscribe] * 3,
    *[World.open] * 3,
    World.poll,
    World.trim,
    World.sweep,
    World.lose,
    World.cut,
    World.refresh,
    World.restore,
    World.renew,
]
"""As often as they are named."""
