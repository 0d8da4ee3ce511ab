"""A job's state: whatever updates come, what has ended stays, and nothing goes back."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from protocol.codes import ProtocolError
from protocol.progress import MAX_RESULT_BYTES, Change, Job, NewJob
from tests.protocol.repeatable import examples
from tests.protocol.some_jobs import NOW, any_changes, job, jobs


@given(jobs, st.lists(st.tuples(any_changes, st.integers(-5000, 5000)), max_size=12))
@examples(400)
def test_what_holds_of_every_state_and_the_next(first, updates):
    before = first
    for change, later_ms in updates:
        try:
            after = before.after(change, before.updated + later_ms)
        except ProtocolError:
            assert before.is_final
            continue
        if before.is_final:
            assert after is before
        if after.total == before.total:
            assert after.done >= before.done
            assert after.percent is None or after.percent >= (before.percent or 0)
        assert after.updated >= before.updated
        assert (after.seq or 0) >= (before.seq or 0)
        assert after.percent is None or 0 <= after.percent <= 100
        assert after.state == "done" or (after.percent == 100) == (after.total is not None and after.done >= after.total)
        assert after.state == "running" or (after.rate, after.eta) == (None, None)
        assert (after.id, after.title, after.started, after.cancellable) == (first.id, first.title, first.started, first.cancellable)
        before = after


@given(jobs, any_changes)
@examples(300)
def test_the_same_update_again_changes_no_more(before, change):
    once = before.after(change, NOW)
    again = once.after(change, NOW)
    assert again == once
    assert again is once or change.seq is UNSET and not once.is_final


@pytest.mark.parametrize(
    "change",
    [
        Change(),
        Change(seq=9),
        Change(done=50),
        Change(state="done"),
        Change(total=100),
        Change(note="n", result={"a": 1}),
        Change(state="done", done=7),
    ],
)
def test_done_stays_as_it_is(change):
    ended = job(done=50).after(Change(state="done", note="n", result={"a": 1}), NOW)
    assert (ended.percent, ended.done) == (100, 50)
    assert ended.after(change, NOW + 1) is ended


@pytest.mark.parametrize("state", ["done", "failed"])
@pytest.mark.parametrize(
    "change",
    [
        Change(done=51),
        Change(done=49),
        Change(done=0, seq=9),
        Change(state="running", done=50),
        Change(note="other"),
        Change(state="running"),
        Change(total=7),
        Change(result=2),
        Change(state="cancelled"),
        Change(total=None),
    ],
)
def test_a_change_after_the_end_is_refused(state, change):
    ended = job(done=50).after(Change(state=state, result=1), NOW)
    with pytest.raises(ProtocolError, match="job-ended"):
        ended.after(change, NOW)


@pytest.mark.parametrize(
    "change", [Change(), Change(done=99, note="n", total=3), Change(state="running"), Change(state="cancelled", note="so?")]
)
def test_who_works_on_a_cancelled_job_is_told_and_not_refused(change):
    cancelled = job().after(Change(state="cancelled"), NOW)
    assert cancelled.after(change, NOW) is cancelled


@pytest.mark.parametrize("state", ["done", "failed"])
def test_a_cancelled_job_ends_in_no_other_way(state):
    with pytest.raises(ProtocolError, match="job-ended"):
        job().after(Change(state="cancelled"), NOW).after(Change(state=state), NOW)


def test_an_update_that_came_late_is_ignored_even_one_that_would_end_the_job():
    before = job(seq=7, done=3)
    for seq in (0, 6, 7):
        assert before.after(Change(done=50, state="failed", seq=seq), NOW) is before
    assert before.after(Change(seq=8), NOW).seq == 8


def test_a_sign_of_life_wakes_a_stalled_job():
    stalled = job(done=5, rate=2.0).stalled()
    assert (stalled.state, stalled.rate, stalled.eta, stalled.percent) == ("stalled", None, None, job(done=5).percent)
    woken = stalled.after(Change(), NOW + 60_000)
    assert (woken.state, woken.done, woken.updated) == ("running", 5, NOW + 60_000)


def test_done_goes_back_with_another_total_only():
    before = job(done=80, total=100, percent=80.0)
    assert before.after(Change(done=40), NOW).done == 80
    assert before.after(Change(done=40, total=100), NOW).percent == 80
    assert before.after(Change(done=40, total=50), NOW).percent == 80
    assert before.after(Change(done=1, total=50), NOW).percent == 2
    assert before.after(Change(total=None), NOW).percent is None
    assert before.after(Change(total=0), NOW).percent == 100


@given(st.floats(0, 2**53), st.floats(0, 2**53))
@examples(500)
def test_percent_is_100_only_where_nothing_is_left(done, total):
    percent = job().after(Change(done=done, total=total), NOW).percent
    assert (percent == 100) == (done >= total)
    assert total == 0 or done > total or math.isclose(percent, 100 * done / total, abs_tol=0.11)


# what is taken at all


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (Change(done=-1), "done"),
        (Change(done=2**53 + 2), "done"),
        (Change(total=-0.5), "total"),
        (Change(done=math.inf), "done"),
        (Change(done=math.nan), "done"),
        (Change(note="x" * 2001), "note"),
        (Change(seq=-1), "seq"),
        (Change(seq=2**60), "seq"),
        (Change(result="x" * MAX_RESULT_BYTES), "result"),
        (Change(result="x" * 200_000), "result"),
        (Change(result=10**310), "result"),
    ],
)
def test_what_is_out_of_bounds_is_refused(change, field):
    with pytest.raises(ProtocolError) as caught:
        change.check()
    assert caught.value.field == field and caught.value.status in (400, 413)


@pytest.mark.parametrize("depth", [101, 500, 800])
def test_a_result_has_the_depth_of_any_data(depth):
    with pytest.raises(ProtocolError) as caught:
        msgspec.json.decode(b'{"result":' + b"[" * depth + b"]" * depth + b"}", type=Change).check()
    assert (caught.value.code, caught.value.field) == ("bad-data", "result")


@pytest.mark.parametrize("new", [NewJob(""), NewJob(" \n"), NewJob("x" * 201), NewJob("x", unit="y" * 21), NewJob("x", total=-1)])
def test_a_job_has_a_title_and_bounds(new):
    with pytest.raises(ProtocolError):
        new.check()


@given(any_changes)
@examples(100)
def test_all_that_these_tests_send_would_be_taken(change):
    change.check()


def test_the_largest_state_fits_into_an_event():
    largest = Change(note="\x01" * 2000, result="x" * (MAX_RESULT_BYTES - 2), done=2.0**53 / 3, seq=2**53)
    largest.check()
    new = NewJob("\x01" * 200, unit="\x01" * 20, total=2.0**53)
    new.check()
    assert len(msgspec.json.encode(Job.begin("x" * 22, new, NOW).after(largest, NOW))) < 64 * 1024
