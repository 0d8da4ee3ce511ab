"""The short form of the fault suite: every kind of fault once, under 100 clients on all four wires."""

import os
import random

from tests.faults.suite import run

SEED = int(os.environ.get("ANYWIRE_FAULTS_SEED") or random.SystemRandom().getrandbits(32))
"""Another one each time, since no two meet the same moments; the environment repeats one."""


def test_everybody_has_the_log_once_and_in_order_whatever_breaks():
    print(f"repeat with ANYWIRE_FAULTS_SEED={SEED}")  # shown where it fails
    happened = run(clients=100, seconds=10, seed=SEED, pause_s=(0.0, 0.5), say=print)
    assert len(happened["faults"]) == 9
    assert happened["messages"] > 1000 and min(happened["attachments"].values()) > 50
