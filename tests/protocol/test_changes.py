"""Updates merged into one: they do what they do one by one, and to a state that somebody else has written meanwhile nothing worse."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from protocol.codes import ProtocolError
from protocol.progress import Change, Changes, Job, TaskChange
from tests.protocol.repeatable import examples
from tests.protocol.some_jobs import NOW, any_changes, changes, job, jobs


def applied(before: Job, updates: list[Change], now_ms: int = NOW) -> tuple[Job, list[Change]]:
    """The state after *updates*, one by one, and those of them that changed something."""
    taken = []
    for change in updates:
        try:
            after = before.after(change, now_ms)
        except ProtocolError as error:
            assert error.code == "job-ended" and before.is_final
            continue
        if after is not before:
            taken.append(change)
        before = after
    return before, taken


def merged(updates: list[Change]) -> Changes:
    found = Changes.of(updates[0])
    for change in updates[1:]:
        found = found.then(Changes.of(change))
    return found


def came_back(before: Job, updates: list[Change]) -> bool:
    """True where a total gave way to another one and came back."""
    totals = [before.total, *(change.total for change in updates if change.total is not UNSET)]
    runs = [total for total, last in zip(totals[1:], totals[:-1], strict=True) if total != last]
    return len({*runs, before.total}) <= len(runs)


def on(changes: Changes, before: Job) -> Job:
    """What they make of *before*, with percent and the time left reckoned anew, as when it is written."""
    after = changes.on(before, NOW)
    return after if after is before else after.at(after.rate)


@given(jobs, st.lists(changes, min_size=1, max_size=8))
@examples(600)
def test_updates_merged_do_what_they_do_one_by_one(before, updates):
    one_by_one, taken = applied(before, updates)
    if taken:
        assert on(merged(taken), before) == one_by_one


@given(jobs, st.lists(any_changes, min_size=1, max_size=8))
@examples(600)
def test_with_totals_too_but_nothing_goes_back_where_the_total_came_back(before, updates):
    one_by_one, taken = applied(before, updates)
    if not taken:
        return
    at_once = on(merged(taken), before)
    if came_back(before, taken):
        assert at_once.total != before.total or at_once.done >= before.done
        at_once, one_by_one = (msgspec.structs.replace(each, done=0, percent=0) for each in (at_once, one_by_one))
    assert at_once == one_by_one


@given(jobs, st.lists(any_changes, min_size=2, max_size=8), st.integers(1, 7))
@examples(300)
def test_it_doesn_t_matter_where_the_line_is_drawn(before, updates, cut):
    _, taken = applied(before, updates)
    if cut < len(taken) and not came_back(before, taken):
        assert on(merged(taken[:cut]).then(merged(taken[cut:])), before) == on(merged(taken), before)


@given(jobs, st.lists(any_changes, min_size=1, max_size=5), st.lists(any_changes, min_size=1, max_size=5))
@examples(400)
def test_what_others_wrote_meanwhile_is_never_replaced_by_something_older(before, mine, theirs):
    _, taken = applied(before, mine)
    moved, _ = applied(before, theirs)
    if not taken:
        return
    try:
        after = merged(taken).on(moved, NOW)
    except ProtocolError:
        assert moved.is_final
        return
    if moved.is_final:
        assert after is moved
    if after.total == moved.total:
        assert after.done >= moved.done
    last = {name: change for change in taken for name in ("note", "result") if getattr(change, name) is not UNSET}
    for name in ("note", "result"):
        is_late = name not in last or moved.is_past(last[name].seq)
        if not moved.is_final:
            assert getattr(after, name) == getattr(moved if is_late else last[name], name)
    assert (after.seq or 0) >= (moved.seq or 0)


def test_a_cancel_without_seq_counts_although_the_update_before_it_is_written_already():
    both = Changes.of(Change(done=10, note="old", seq=5)).then(Changes.of(Change(state="cancelled")))
    after = both.on(job(done=10, seq=5, note="new"), NOW)
    assert (after.state, after.note, after.seq) == ("cancelled", "new", 5)


def test_of_an_end_that_is_not_written_nothing_shows():
    both = Changes.of(Change(done=10, note="hm")).then(Changes.of(Change(done=20, state="failed", note="boom", result=3)))
    shown = both.without_end().on(job(note="fine"), NOW)
    assert (shown.state, shown.done, shown.note, shown.result, shown.percent) == ("running", 20, "fine", None, 20)
    open_ended = Changes.of(Change(done=10, note="hm", result=3))
    assert open_ended.without_end() == open_ended


def test_what_a_task_says_is_merged_too():
    both = Changes.of(TaskChange(items=3, done=3)).then(Changes.of(Change(note="n"))).then(Changes.of(TaskChange(items=5)))
    after = both.on(job(), NOW)
    assert (after.items, after.done, after.note) == (5, 3, "n")
