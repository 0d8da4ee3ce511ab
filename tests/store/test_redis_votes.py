"""What is stored in a transaction goes over Redis too, and what nobody knew to be stored as soon as it is found."""

import pytest

from protocol.positions import Next
from tests.store.processes import ANNA, Follower
from tests.store.redis_server import redis  # noqa: F401
from tests.store.test_redis_bus import Two, count_heads
from tests.store.voting import Voting
