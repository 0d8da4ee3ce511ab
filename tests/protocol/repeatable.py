"""How many examples a property is tried with: the same ones in every run, more and other ones when asked."""

import os

from hypothesis import HealthCheck, settings

SCALE = int(os.environ.get("ANYWIRE_TEST_SCALE", "1"))
"""Above 1: so many times the examples, at random, to search for what the repeatable ones don't find."""


def examples(number: int) -> settings:
    """A decorator for a property."""
    return settings(
        max_examples=number * SCALE,
        derandomize=SCALE == 1,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
