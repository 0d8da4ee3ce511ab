"""A job, as the script sees it. It only counts; a thread of sender.py looks at it a few times a second."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import Any, Literal

from anywire_progress import sender
from anywire_progress.leaving import find_out, home_of

_lock = threading.RLock()
"""One for all jobs, and never held for long. Reentrant, since a signal's handler may count, too."""


class Cancelled(BaseException):
    """Cancel was pressed on the page. Like KeyboardInterrupt, it passes every `except Exception`."""


class Progress:
    """A job: of an iterable, plain or asynchronous; or of a `with`; or of neither, then close() ends it, or the script's end.

    *url* is the server's, that of ANYWIRE_URL where it is None; an empty one reports nothing. *cancellable* is "anyone" who has
    the link, or False. *exit_s*: how long the end of the script waits until the server has the last state; None is a few seconds,
    but for a server that has never answered.
    """

    def __init__(
        self,
        iterable: Any = None,
        title: str | None = None,
        total: float | None = None,
        unit: str | None = None,
        url: str | None = None,
        *,
        api_key: str | None = None,
        cancellable: Literal["anyone", False] = "anyone",
        exit_s: float | None = None,
    ):
        if total is None:
            with contextlib.suppress(AttributeError, OverflowError, TypeError):
                total = len(iterable)
        self.title = str(title or os.path.basename(sys.argv[0])).strip() or "script"
        self.total = total
        self.unit = unit
        self.note: str | None = None
        self.id: str | None = None
        self.link: str | None = None
        """Known once the server has answered."""
        self.state = "running"
        self.cancelled = False
        """By the page."""
        self._iterable = iterable
        self._iterated = 0
        self._added: float = 0
        self._in_with = False
        self._report = sender.report(self, url, api_key=api_key, cancellable=cancellable, exit_s=exit_s)

    @property
    def done(self) -> float:
        return self._iterated + self._added

    def update(self, n: float = 1) -> None:
        """*n* more are done. Raises Cancelled."""
        with _lock:
            self._added += n
        if self.cancelled:  # asked here, too, since the call costs a tenth of it all
            self._check()

    def set(self, done: float | None = None, total: float | None = None, note: str | None = None) -> None:
        """What is given is so from now on. Raises Cancelled."""
        with _lock:
            if done is not None:
                self.move_to(done)
            self.total = self.total if total is None else total
            self.note = self.note if note is None else note
        self._check()

    def move_to(self, done: float) -> None:
        """So many are done in all. Raises nothing."""
        with _lock:
            self._added = done - self._iterated

    on_update = set
    """For what wants a callback (done, total)."""

    def close(self, error: BaseException | str | None = None) -> None:
        """Ends the job: done, or in the way of *error*, an exception or a sentence. The first end counts."""
        with _lock:
            if self.state != "running":
                return
            self.state, why = _end(error)
            self.note = why or self.note
        if self._report is not None:
            self._report.hurry()

    def shown(self) -> dict[str, Any]:
        """The fields of an update."""
        with _lock:
            return {"done": self.done, "total": self.total, "note": self.note, "state": self.state}

    # as a context

    def __enter__(self) -> Progress:
        self._in_with = True
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close(error)

    async def __aenter__(self) -> Progress:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close(error)

    # as an iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self._iterable) if self._report is None else self._count()

    def __aiter__(self) -> AsyncIterator[Any]:
        items = self._iterable.__aiter__()
        return items if self._report is None else _AsyncCount(self, items, sys._getframe().f_back)

    def _count(self) -> Iterator[Any]:
        home = home_of(sys._getframe().f_back)
        try:
            for item in self._iterable:
                yield item
                self._iterated += 1
                if self.cancelled:
                    raise Cancelled(self.title)
        except GeneratorExit:
            self.on_loop_left(sys._getframe().f_back, home)
            raise
        except BaseException as error:
            self.on_loop_ended(error)
            raise
        self.on_loop_ended()

    def on_loop_ended(self, error: BaseException | None = None) -> None:
        if not self._in_with:
            self.close(error)

    def on_loop_left(self, frame: FrameType | None, home: int | None) -> None:
        """See find_out."""
        if not self._in_with and self.state == "running":
            find_out(self.close, frame, home)

    def forget(self) -> None:
        """Reports nothing from now on."""
        self._report = None

    def _check(self) -> None:
        if self.cancelled and self.state == "running":
            raise Cancelled(self.title)


track = Progress
"""As it reads well in a loop."""


class _AsyncCount:
    """An object, since an asynchronous generator hears only much later that its loop was left."""

    def __init__(self, job: Progress, items: AsyncIterator[Any], frame: FrameType | None):
        self._job, self._items, self._home = job, items, home_of(frame)
        self._in_hand = 0
        self._ended = False

    def __aiter__(self) -> _AsyncCount:
        return self

    async def __anext__(self) -> Any:
        self._job._iterated += self._in_hand
        self._in_hand = 0
        try:
            self._job._check()
            item = await self._items.__anext__()
        except BaseException as error:
            self._ended = True
            self._job.on_loop_ended(None if isinstance(error, StopAsyncIteration) else error)
            raise
        self._in_hand = 1
        return item

    def __del__(self) -> None:
        if not self._ended:
            self._job.on_loop_left(sys._getframe().f_back, self._home)


def _end(error: BaseException | str | None) -> tuple[str, str | None]:
    """The state that *error* ends a job in, and why."""
    if isinstance(error, str):
        return "failed", error
    if error is None or isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and not error.code):
        return "done", None
    if isinstance(error, (Cancelled, KeyboardInterrupt)) or type(error).__name__ == "CancelledError":
        return "cancelled", None
    return "failed", "".join(traceback.format_exception_only(type(error), error)).strip()


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
