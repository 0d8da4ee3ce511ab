"""Why was a loop left early: by an exception, and by which, or because it had enough?

An ugliness: an iterator that is dropped isn't told. So its thread's next steps are traced, until an exception shows that was
under way when the iterator was dropped, or until two lines have run without one (at the line of a `with` it doesn't show yet).
Where something else traces already, such as a debugger, a loop that was left counts as one that had enough.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

LINES = 2

Close = Callable[["BaseException | str | None"], None]


def home_of(frame: FrameType | None) -> int | None:
    """What `find_out` takes for *frame*, which a loop begins in."""
    return None if frame is None or frame.f_code.co_flags & inspect.CO_GENERATOR else id(frame)


def find_out(close: Close, frame: FrameType | None, home: int | None) -> None:
    """Calls *close*, soon, with the exception by which the loop was left whose iterator *frame* has just dropped, or with None."""
    places: dict[FrameType, int] = {}
    while frame is not None:
        places[frame] = frame.f_lasti
        frame = frame.f_back
    tracer = sys.gettrace() or _Tracer()
    if home is not None and home not in map(id, places):  # a comprehension: had its frame ended well, it had dropped the iterator then
        close("The loop was left by an exception.")
    elif isinstance(tracer, _Tracer):
        tracer.add(_Case(close, places))
        sys.settrace(tracer)
    else:
        close(None)


def settle(error: BaseException | None) -> None:
    """The script has ended, by *error* if not well: closes what was left because it had enough."""
    tracer = sys.gettrace()
    if isinstance(tracer, _Tracer):
        tracer.settle(error)


class _Case:
    def __init__(self, close: Close, places: dict[FrameType, int]):
        self.places = places
        """Each frame of the thread, with the instruction that it was at."""
        self._close = close
        self._lines = LINES
        handled = sys.exc_info()[1]
        self._others = [handled.__context__ if isinstance(handled, GeneratorExit) else handled]
        """Exceptions from before and after."""
        self._task: Any = None
        if "asyncio" in sys.modules:
            with contextlib.suppress(RuntimeError):  # in a thread without a loop
                self._task = sys.modules["asyncio"].current_task()

    def is_closed(self, frame: FrameType, event: str, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Closes it, if the reason is known by now."""
        if isinstance(error, GeneratorExit):  # a generator in between is dropped, too
            return False
        came_by = _innermost(trace, self.places)
        if event == "exception" and came_by is frame and frame.f_lasti != self.places[frame]:  # raised later, further on
            self._others.append(error)
        if came_by is not None and not self._is_other(error):
            self._close(error)
            return True
        if self._task is not None and self._task.done():  # no frame sees what ends a task
            self._close(_error_of(self._task))
            return True
        self._lines -= event == "line"
        if self._lines == 0:
            self._close(None)
        return self._lines == 0

    def settle(self, error: BaseException | None) -> None:
        """That of SystemExit isn't known, but it leaves every frame where it was."""
        moved_on = any(frame.f_lasti != place for frame, place in self.places.items())
        if moved_on if error is None else self._is_other(error):
            self._close(None)

    def _is_other(self, error: BaseException | None) -> bool:
        return any(error is other for other in self._others)


class _Tracer:
    def __init__(self) -> None:
        self._cases: list[_Case] = []
        self._frames: set[FrameType] = set()

    def add(self, case: _Case) -> None:
        self._cases.append(case)
        for frame in case.places:
            frame.f_trace = self
            self._frames.add(frame)

    def settle(self, error: BaseException | None) -> None:
        for case in self._cases:
            case.settle(error)

    def __call__(self, frame: FrameType, event: str, arg: Any) -> _Tracer | None:
        _, error, trace = arg if event == "exception" else sys.exc_info()
        self._cases = [case for case in self._cases if not case.is_closed(frame, event, error, trace)]
        if not self._cases:
            for traced in self._frames:
                traced.f_trace = None
            self._frames.clear()
            if sys.gettrace() is self:
                sys.settrace(None)
        return self if self._cases and event != "call" else None


def _innermost(trace: TracebackType | None, places: dict[FrameType, int]) -> FrameType | None:
    """The innermost frame of *places* that *trace* goes through."""
    found = None
    while trace is not None:
        found = trace.tb_frame if trace.tb_frame in places else found
        trace = trace.tb_next
    return found


def _error_of(task: Any) -> BaseException | None:
    """As the task has it: to ask for its exception() would keep asyncio from complaining that nobody did."""
    return sys.modules["asyncio"].CancelledError() if task.cancelled() else getattr(task, "_exception", None)
