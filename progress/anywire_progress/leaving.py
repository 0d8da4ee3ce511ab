"""Why was a loop left early: by an exception, and by which, or because it had enough?

An ugliness: an iterator that is dropped isn't told. So the next steps of its thread are traced, until there is an exception that
was raised just where the loop was left, or until two lines have run without one (at the first line of a `with` that ends, it
doesn't show yet). Where something else traces already, such as a debugger, a loop that was left counts as one that had enough.
"""

import contextlib
import sys

LINES = 2


def find_out(close, frame, home):
    """Calls *close*, soon, with the exception by which the loop in *frame* was left, or with None.

    *home* is the id of the frame that the loop began in. If that is gone, as it may be with a generator expression, an exception
    ended it, for else its iterator would have been dropped while it was there.
    """
    places = {}
    while frame is not None:
        places[frame] = frame.f_lasti
        frame = frame.f_back
    if home not in map(id, places):
        close("The loop was left by an exception.")
        return
    tracer = sys.gettrace() or _Tracer()
    if isinstance(tracer, _Tracer):
        tracer.add(_Case(close, places))
        sys.settrace(tracer)
    else:
        close()


class _Case:
    def __init__(self, close, places):
        self.places = places
        """Each frame of the thread, with the instruction that it was at."""
        self._close = close
        self._lines = LINES
        self._task = None
        if "asyncio" in sys.modules:
            with contextlib.suppress(RuntimeError):  # in a thread without a loop
                self._task = sys.modules["asyncio"].current_task()

    def is_closed(self, event, error, trace):
        """Closes it, if by now the reason is known."""
        if _comes_from(trace, self.places):
            self._close(error)
            return True
        if self._task is not None and self._task.done():  # no frame sees what ends a task
            self._close(_error_of(self._task))
            return True
        self._lines -= event == "line"
        if self._lines == 0:
            self._close()
        return self._lines == 0


def _error_of(task):
    """As the task has it: asking for its exception() would keep asyncio from complaining that nobody did."""
    return sys.modules["asyncio"].CancelledError() if task.cancelled() else getattr(task, "_exception", None)


class _Tracer:
    def __init__(self):
        self._cases = []
        self._frames = set()

    def add(self, case):
        self._cases.append(case)
        for frame in case.places:
            frame.f_trace = self
            self._frames.add(frame)

    def __call__(self, frame, event, arg):
        _, error, trace = arg if event == "exception" else sys.exc_info()
        self._cases = [case for case in self._cases if not case.is_closed(event, error, trace)]
        if not self._cases:
            for traced in self._frames:
                traced.f_trace = None
            self._frames.clear()
            if sys.gettrace() is self:
                sys.settrace(None)
        return None if event == "call" else self


def _comes_from(trace, places):
    """Whether the exception with *trace* left the innermost of the frames where it was."""
    found = False
    while trace is not None:
        if trace.tb_frame in places:
            found = places[trace.tb_frame] == trace.tb_lasti
        trace = trace.tb_next
    return found
