"""The order of a WebSocket's commands, seen from within the loop that runs them."""

import asyncio
import json

from tests.handlers.four_wires import WebSocketWire
from tests.handlers.inside import inside
from tests.handlers.talking import database_uri

CHANNELS = 5


def test_nothing_overtakes_what_waits_for_a_subscribe(server, channel, opened):
    """One publish comes in each turn of the loop, behind all else that the turn does: also in the one in which the subscribe ends."""
    with inside(database_uri(server, "commands")) as here:
        for number in range(CHANNELS):
            name = f"{channel}-{number}"
            wire = opened(WebSocketWire, here)
            wire.kind("hello")
            count = here.call(_around_a_subscribe(here.node, name))
            acks = wire.take(count, "ack", "error")
            assert sorted((ack["ref"], ack["offset"]) for ack in acks) == [(n, n + 1) for n in range(count)]
            wire.link.close()
            here.call(_until_gone(here.node))


async def _around_a_subscribe(node, name):
    (connection,) = node.connections
    commands = connection.session.commands()
    commands.take(json.dumps({"type": "subscribe", "channel": name}))
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    sent = after = 0

    def turn():
        nonlocal sent, after
        before_next = commands.take(json.dumps({"type": "publish", "ref": sent, "channel": name, "data": sent}))
        sent += 1
        after += name not in commands._joining
        if after == 3:
            ended.set()
        elif before_next is None:
            loop.call_later(0, turn)  # timers come last in a turn
        else:
            asyncio.ensure_future(before_next).add_done_callback(lambda _: turn())

    turn()
    await ended.wait()
    return sent


async def _until_gone(node):
    while node.connections:
        await asyncio.sleep(0.01)
