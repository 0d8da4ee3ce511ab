"""Whatever is lost, late, repeated, trimmed or cut: each message once, in order, or an announced gap where something is gone.

A script, a string of bytes, makes every choice in a world of processes, readers, buses, wires and clients (world.py). What
wires and clients say and see is judged as it happens (wires.py, client.py); in the end everybody is at the head.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import fanout
from tests.protocol.repeatable import SCALE, examples
from tests.protocol.world import World

RUNS = 480
SPLIT = 8


@pytest.fixture(autouse=True, scope="module")
def small_slices():
    """So that whatever happens also happens in the middle of a round."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanout, "SLICE", 1)
        patch.setattr(fanout, "BATCH_BYTES", 600)
        yield


@given(st.binary(min_size=50, max_size=1500))
@examples(250)
def test_a_script(script):
    """Found by hypothesis, so that what fails is made short."""
    World(script).run()


@pytest.mark.parametrize("part", range(SPLIT))
def test_long_scripts(part):
    """Faster than hypothesis makes them: some thousand happenings each, the same ones in every run."""
    delivered = gaps = 0
    for seed in range(part, RUNS * SCALE, SPLIT):
        source = random.Random(seed)
        world = World(source.randbytes(source.choice((300, 1000, 4000))), processes=2 + seed % 2, clients=2 + seed % 3)
        try:
            world.run()
        except Exception as error:
            error.add_note(f"the script of seed {seed}")
            raise
        delivered += sum(client.delivered for client in world.clients)
        gaps += world.gaps
    assert delivered > 10 * RUNS // SPLIT
    assert gaps > 0
