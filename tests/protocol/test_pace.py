"""How fast a job goes, and how long it will take: smoothed, and unknown rather than wrong."""

import math

from hypothesis import given
from hypothesis import strategies as st

from protocol.progress import SMOOTH_S, START_S, Pace
from tests.protocol.repeatable import examples
from tests.protocol.some_jobs import NOW, counts, job


@given(st.booleans(), st.lists(st.tuples(counts, st.integers(-2000, 60_000)), max_size=20))
@examples(300)
def test_a_rate_is_a_positive_number_or_unknown(is_start, observed):
    pace = Pace(0, NOW, is_start=is_start)
    now_ms = NOW
    for done, passed_ms in observed:
        now_ms += passed_ms
        pace.observe(done, now_ms)
        assert pace.rate is None or 0 < pace.rate < math.inf
        state = job(done=done, total=2**53).at(pace.rate)
        assert (state.rate is None) == (state.eta is None)
        assert state.eta is None or 0 <= state.eta < math.inf


@given(st.floats(0.01, 1e6), st.integers(200, 5000))
@examples(200)
def test_a_steady_pace_is_seen_at_once_and_stays(rate, step_ms):
    pace = Pace(0, NOW)
    for step in range(1, 20):
        pace.observe(rate * step * step_ms / 1000, NOW + step * step_ms)
        assert math.isclose(pace.rate, rate, rel_tol=0.01)


def test_the_time_left_follows_from_the_pace():
    state = job(done=40).at(2.0)
    assert (state.rate, state.eta) == (2.0, 30.0)
    assert (job(done=40, total=None).at(2.0).rate, job(done=40, total=None).at(2.0).eta) == (2.0, None)
    assert job(done=100).at(2.0).eta == job(done=130).at(2.0).eta == 0
    assert (job().at(None).eta, job().at(0.0).rate) == (None, None)


def test_a_jump_is_smoothed_and_a_lasting_change_is_seen():
    pace = Pace(0, NOW)
    for second in range(1, 31):
        pace.observe(10 * second, NOW + 1000 * second)
    pace.observe(400, NOW + 31_000)
    assert 10 < pace.rate < 20
    for second in range(32, 32 + round(4 * SMOOTH_S)):
        pace.observe(400 + 50 * (second - 31), NOW + 1000 * second)
    assert 48 < pace.rate <= 50


def test_a_pace_is_unknown_before_the_first_work_and_after_a_long_pause():
    pace = Pace(0, NOW)
    pace.observe(0, NOW + 10_000)
    assert pace.rate is None
    pace.observe(10, NOW + 20_000)
    assert pace.rate == 0.5
    pace.observe(10, NOW + 25_000)
    assert pace.rate == 0.5
    pace.observe(10, NOW + 20_000 + 16_000)
    assert pace.rate is None
    pace.observe(4, NOW + 40_000)  # another total: it begins anew
    pace.observe(6, NOW + 41_000)
    assert pace.rate == 2


@given(st.integers(1, 10**6), st.floats(0, START_S - 0.002), st.floats(0.01, 1e6), st.integers(200, 5000))
@examples(200)
def test_what_a_resumed_script_tells_first_was_not_done_since_the_start(before, first_s, rate, step_ms):
    pace = Pace(0, NOW, is_start=True)
    begun_ms = NOW + int(1000 * first_s)
    pace.observe(before, begun_ms)
    assert pace.rate is None
    for step in range(1, 10):
        pace.observe(before + rate * step * step_ms / 1000, begun_ms + step * step_ms)
        assert math.isclose(pace.rate, rate, rel_tol=0.01)


def test_who_tells_nothing_of_its_first_seconds_gets_a_rate_at_once_and_a_measured_one_with_the_next():
    pace = Pace(0, NOW, is_start=True)
    pace.observe(0, NOW + 3000)  # a sign of life
    pace.observe(20, NOW + 5000)
    assert pace.rate == 4
    pace = Pace(0, NOW, is_start=True)
    pace.observe(90_000, NOW + 5000)
    pace.observe(90_010, NOW + 6000)
    assert pace.rate == 10
