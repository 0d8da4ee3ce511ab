"""A task is an async generator; what it yields is shown on every page that follows it, and kept.

    @task("count", title="Counting", is_safe=True)
    async def count(run: Run) -> AsyncIterator[Item]:
        run.total = int(run.input.get("to", 10))
        for number in range(run.skip, run.total):
            await asyncio.sleep(0.1)          # blocking work: await run.in_thread(function, …)
            yield {"ok": True, "number": number}
        run.result = {"counted": run.total}

What was done at one go is yielded at one go, as a list: so a cancel comes between two of them, and all that was done is told.
An interrupted task is called again, with `skip` items already stored: it yields what follows them.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from store.records import Records
from store.uploads import Uploads
from tasks.threads import Threads

T = TypeVar("T")
Item = dict[str, Any]
"""`ok`, and with it what the task says of this piece of work; with `ok` false an `error` of code and message."""
Yielded = Item | list[Item]
TIMEOUT_S = 3600.0
MAX_THREADS = 64
"""One for each task that may run at a time: none waits for another one's."""

_threads = Threads(MAX_THREADS)


class TaskError(Exception):
    """The task can't go on; its visitor is told why."""

    def __init__(self, code: str, message: str):
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")


@dataclass
class Run:
    """One call of a task: what it was given, and what it says of itself."""

    job: str
    user: str
    """The id of who started it."""
    input: dict[str, Any]
    upload: dict[str, Any] | None
    """Of a task that takes files: `id`, `format` (csv or json) and `size` in bytes."""
    skip: int
    failed: int
    """How many of the items so far were not ok."""
    records: Records
    uploads: Uploads
    total: int | None = None
    """How many items there will be, once it is known."""
    result: Any = None

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """For work that blocks: the server goes on meanwhile.

        What computes for long without a pause calls `time.sleep(0)` now and then, which lets the server in.
        """
        return await _threads.run(function, *arguments)


@dataclass(frozen=True)
class Task:
    name: str
    title: str
    run: Callable[[Run], AsyncIterator[Yielded]]
    unit: str = "items"
    is_safe: bool = False
    """Free of side effects, so GET may start it (RFC 9110 section 9.2.1)."""
    fields: tuple[str, ...] = ()
    """What GET may give it; other parameters are ignored."""
    takes_files: bool = False
    timeout_s: float = TIMEOUT_S
    check: Callable[[dict[str, Any]], None] = lambda given: None
    """Looks at the input before there is a job. Raises ProtocolError."""


TASKS: dict[str, Task] = {}


def task(name: str, **about: Any) -> Callable[[Callable[[Run], AsyncIterator[Any]]], Callable[[Run], AsyncIterator[Any]]]:
    """Registers an async generator; *about* are Task's fields."""

    def register(run: Callable[[Run], AsyncIterator[Any]]) -> Callable[[Run], AsyncIterator[Any]]:
        TASKS[name] = Task(name, run=run, **about)
        return run

    return register
