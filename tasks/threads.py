"""Threads for what blocks. They keep no process from ending: one that is stuck, or reads a huge file, would hold up a stop."""

import asyncio
import concurrent.futures
import functools
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_Call = tuple["concurrent.futures.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Threads:
    """Up to *most* of them, made when they are needed."""

    def __init__(self, most: int):
        self._most = most
        self._calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._count = 0

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """What *function* returns or raises. Who is cancelled meanwhile doesn't wait for it; it goes on to its end unheard."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._calls.put((future, function, arguments))
        if not self._idle.acquire(blocking=False) and self._count < self._most:
            self._count += 1
            threading.Thread(target=self._work, name=f"task-{self._count}", daemon=True).start()
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            tell = _outcome(*self._calls.get())
            self._idle.release()  # before anybody hears of it, who may have another call
            tell()
            del tell


def _outcome(future: "concurrent.futures.Future[Any]", function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[[], None]:
    """Calls *function*; what tells it."""
    if not future.set_running_or_notify_cancel():
        return lambda: None
    try:
        return functools.partial(future.set_result, function(*arguments))
    except BaseException as error:  # noqa: BLE001 - it is for who waits
        return functools.partial(future.set_exception, error)
