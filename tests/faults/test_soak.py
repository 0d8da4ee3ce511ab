"""The short form of the soak: everything published arrives once and in order, whatever is killed meanwhile."""

import asyncio

from tests.faults.soak import soak
from tests.running import Server


def test_every_acknowledged_message_arrives_once_and_in_order(start_server):
    server: Server = start_server(hold_s=2, heartbeat_s=1, poll_s=0.1, catch_up_bytes_per_s=0)
    happened = asyncio.run(soak(server, messages=1000, publishers=10, followers=4, server_kills=1, mongod_kills=1, seed=3))
    assert happened["messages"] == 1000 and happened["connections cut"] > 0
    assert server.tracebacks() == []
