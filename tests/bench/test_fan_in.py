"""bench/fan_in.py: the model goes through what was seen, and a run small enough for the suite finds every chunk."""

import asyncio

import pytest

from bench.fan_in import FORMS, Model, Seen, run


def test_the_model_is_a_line_through_what_was_seen():
    seen = [Seen(FORMS[0], processes, 80.0 * bool(processes), 100.0 + 40 * processes, 3.0, 0.01, 0.02) for processes in (0, 1, 2, 4)]
    assert Model.fitted(seen) == pytest.approx((80, 100, 40))


def test_a_short_run(capsys):
    asyncio.run(run([0, 1], 0.5))
    said = capsys.readouterr().out
    for form in FORMS:
        assert f"| {form.name} | 1 |" in said
    assert "| 3,000 | 128 |" in said
