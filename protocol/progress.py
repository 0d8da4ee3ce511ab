"""A job's state, and what updates make of it: pure, so that any process gets the same from the same.

Invariants: a state that is done, failed or cancelled never changes again; `done` and `percent` never go back unless the
total changed; an update with a `seq` that is not higher than the last one changes nothing.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from protocol.codes import ProtocolError
from protocol.values import compact

FINAL = ("done", "failed", "cancelled")
MAX_TITLE_CHARS = 200
MAX_UNIT_CHARS = 20
MAX_NOTE_CHARS = 2000
MAX_RESULT_BYTES = 48 * 1024
"""With the rest of a state it stays below what an event may hold."""
SMOOTH_S = 15.0
"""A change of pace shows within about so long."""
SAMPLE_S = 0.2
"""What was done in less time says little of the pace."""
START_S = 1.0
"""What is told within so long of a start may have been done before it: by the script's earlier run, for instance."""

Count = int | float
_COUNT_MAX = 2**53
_encode = msgspec.json.Encoder().encode


class NewJob(msgspec.Struct):
    """`POST /v1/jobs`."""

    title: str
    total: Count | None = None
    unit: str | None = None
    id: str | None = None
    cancellable: bool | Literal["anyone"] = True

    def check(self) -> None:
        """Raises ProtocolError."""
        _check_text(self.title, "title", MAX_TITLE_CHARS, least=1)
        _check_text(self.unit, "unit", MAX_UNIT_CHARS)
        _check_count(self.total, "total")


class Change(msgspec.Struct, omit_defaults=True):
    """`PATCH /v1/jobs/ID`: any of these; none is a sign of life."""

    done: Count | UnsetType = UNSET
    total: Count | None | UnsetType = UNSET
    note: str | None | UnsetType = UNSET
    state: Literal["running", "done", "failed", "cancelled"] | UnsetType = UNSET
    result: Any = UNSET
    seq: int | UnsetType = UNSET

    def check(self) -> None:
        """Raises ProtocolError."""
        _check_count(self.done, "done")
        _check_count(self.total, "total")
        _check_text(self.note, "note", MAX_NOTE_CHARS)
        if self.seq is not UNSET and not 0 <= self.seq <= _COUNT_MAX:
            raise ProtocolError("bad-request", "seq is an integer from 0 to 2^53.", field="seq")
        if self.result is not UNSET:
            _check_result(self.result)


class TaskChange(Change):
    """What a task of the server says beside."""

    items: int | UnsetType = UNSET


class Job(msgspec.Struct, frozen=True):
    """A job's state, as its channel shows it. Times are ms since 1970 UTC, `eta` seconds, `rate` units a second."""

    id: str
    title: str
    started: int
    updated: int
    state: Literal["running", "stalled", "done", "failed", "cancelled"] = "running"
    done: Count = 0
    total: Count | None = None
    unit: str | None = None
    percent: float | None = None
    note: str | None = None
    rate: float | None = None
    eta: float | None = None
    result: Any = None
    cancellable: bool | Literal["anyone"] = True
    items: int | None = None
    """How many items its task has brought so far."""
    seq: int | None = None

    @classmethod
    def begin(cls, id: str, new: NewJob, now_ms: int) -> Job:
        percent = None if new.total is None else _percent(0, new.total)
        return cls(id, new.title, now_ms, now_ms, total=new.total, unit=new.unit, percent=percent, cancellable=new.cancellable)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def is_past(self, seq: int | UnsetType) -> bool:
        """True where this state is of an update as late as *seq*, or later."""
        return seq is not UNSET and self.seq is not None and seq <= self.seq

    def after(self, change: Change, now_ms: int) -> Job:
        """The state that *change* leads to; itself where it changes nothing. Raises ProtocolError job-ended."""
        if self.is_past(change.seq):
            return self
        if self.is_final:
            return self._after_the_end(change)
        given = _given(change)
        state = given.get("state", "running")
        total = given.get("total", self.total)
        done = given.get("done", self.done)
        if total == self.total:
            done = max(done, self.done)
        return msgspec.structs.replace(
            self,
            **{**given, "state": state, "total": total, "done": done},
            percent=100.0 if state == "done" else None if total is None else _percent(done, total),
            updated=max(now_ms, self.updated),
        ).at(self.rate)

    def at(self, rate: float | None) -> Job:
        """With *rate*, and the time left that follows from it."""
        if self.state != "running" or not rate:
            return msgspec.structs.replace(self, rate=None, eta=None)
        eta = None if self.total is None else round(max(0.0, self.total - self.done) / rate, 1)
        return msgspec.structs.replace(self, rate=rate, eta=eta)

    def stalled(self) -> Job:
        return msgspec.structs.replace(self, state="stalled").at(None)

    def _after_the_end(self, change: Change) -> Job:
        """A worker can't know yet that its job was cancelled, and a final update may come twice; anything else is too late."""
        if self.state == "cancelled" and change.state in (UNSET, "running", "cancelled"):
            return self
        given = _given(change)
        if change.state == self.state and "done" in given:
            given["done"] = max(given["done"], self.done)  # the end comes again: a lower one was ignored the first time, too
        if any(getattr(self, name) != value for name, value in given.items() if name != "seq"):
            raise ProtocolError("job-ended", f"The job is {self.state}.")
        return self


class Changes(NamedTuple):
    """Updates that came one after the other, as one, for whatever state it will follow: somebody else may write before it is written.

    It does what they do one by one; but where the total changed and changed back, `done` may not go back.
    """

    fields: dict[str, tuple[Any, int | UnsetType]]
    """What was given last, each with the seq that it came with."""
    seq: int | UnsetType
    anew_for: Count | None | UnsetType
    """The total that `done` was given with: it may be less than before if that was another one."""
    least: Count
    """What was done before that: it counts if the total was the same after all."""

    @classmethod
    def of(cls, change: Change) -> Changes:
        given = _given(change)
        seq = given.pop("seq", UNSET)
        return cls({name: (value, seq) for name, value in given.items()}, seq, change.total if "done" in given else UNSET, 0)

    def then(self, later: Changes) -> Changes:
        """This and then *later*."""
        fields = {**self.fields, **later.fields}
        seq = later.seq if self.seq is UNSET or later.seq is not UNSET and later.seq > self.seq else self.seq
        done = self.fields["done"][0] if "done" in self.fields else 0
        if later.anew_for is not UNSET and ("total" not in self.fields or later.anew_for != self.fields["total"][0]):
            return Changes(fields, seq, later.anew_for, 0 if "total" in self.fields else max(done, later.least))
        if "done" in fields:
            fields["done"] = (max(done, fields["done"][0], later.least), fields["done"][1])
        return Changes(fields, seq, self.anew_for, self.least)

    def on(self, job: Job, now_ms: int) -> Job:
        """*job* after all of them but for what is too old for it; itself where they change nothing. Raises ProtocolError job-ended."""
        fields = {name: value for name, (value, seq) in self.fields.items() if not job.is_past(seq)}
        if not fields and job.is_past(self.seq):
            return job
        if "done" in fields and (self.anew_for in (UNSET, job.total) or "total" not in fields):
            fields["done"] = max(fields["done"], job.done, self.least)
        return job.after(TaskChange(**fields, seq=UNSET if job.is_past(self.seq) else self.seq), now_ms)

    def without_end(self) -> Changes:
        """What may be shown of them before they are durable: nothing of an end."""
        if self.fields.get("state", ("",))[0] not in FINAL:
            return self
        return self._replace(fields={name: given for name, given in self.fields.items() if name not in ("state", "note", "result")})


class Pace:
    """Units a second, smoothed over some seconds, at first over fewer, in which what is late counts double; unknown until
    something was done, and again when long nothing was.

    After a start (*is_start*) the first that is told to be done is where the reckoning begins: soon after it that is all, later it
    gives a rate until there is one of its own.
    """

    def __init__(self, done: Count, now_ms: int, rate: float | None = None, *, is_start: bool = False):
        self.rate = rate
        self._is_start = is_start
        self._done = done
        self._since_ms = now_ms
        self._begun_ms = now_ms if rate is None else now_ms - 1000 * SMOOTH_S

    def observe(self, done: Count, now_ms: int) -> None:
        """At *now_ms* so much was done."""
        passed_s = (now_ms - self._since_ms) / 1000
        if done < self._done:
            self.__init__(done, now_ms)  # type: ignore[misc]
        elif done == self._done:
            if self.rate and passed_s > max(SMOOTH_S, 5 / self.rate):
                self.rate = None
        elif self._is_start:
            told = done - self._done
            self.__init__(done, now_ms)  # type: ignore[misc]
            self.rate = _short(told / passed_s) if passed_s >= START_S else None
        elif passed_s >= SAMPLE_S:
            sample = (done - self._done) / passed_s
            early = min(1.0, 2000 * passed_s / (now_ms - self._begun_ms))
            weight = max(early, 1 - math.exp(-passed_s / SMOOTH_S))
            self.rate = _short(sample if self.rate is None else self.rate + weight * (sample - self.rate))
            self._done, self._since_ms = done, now_ms


def _short(rate: float) -> float:
    return float(f"{rate:.4g}")


def _percent(done: Count, total: Count) -> float:
    """Rounded down, so that 100 means all of it."""
    return 100.0 if done >= total else min(99.9, math.floor(1000 * done / total) / 10)


def _given(change: Change) -> dict[str, Any]:
    return {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not UNSET}


def _check_text(text: str | None | UnsetType, field: str, most: int, least: int = 0) -> None:
    if isinstance(text, str) and not least <= len(text.strip()) <= len(text) <= most:
        raise ProtocolError("bad-request", f"{field} has {least} to {most} characters.", field=field)


def _check_result(result: Any) -> None:
    try:
        size = len(compact(_encode(result)))
    except RecursionError as error:
        raise ProtocolError("bad-data", "result is nested too deeply.", field="result") from error
    except ProtocolError as error:
        raise ProtocolError(error.code, error.message, field="result") from error
    if size > MAX_RESULT_BYTES:
        raise ProtocolError("too-large", f"result takes at most {MAX_RESULT_BYTES} bytes.", field="result")


def _check_count(count: Count | None | UnsetType, field: str) -> None:
    if isinstance(count, int | float) and not 0 <= count <= _COUNT_MAX:
        raise ProtocolError("bad-request", f"{field} is a number from 0 to 2^53.", field=field)
