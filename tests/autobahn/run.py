"""Runs Autobahn's cases against echo.py and prints each verdict, as JSON: python -m tests.autobahn.run LINK 1.* 2.* …

LINK is `socket` or `stream`. In a process of its own, since the cases come with modules whose names are those of others.
"""

import asyncio
import json
import os
import sys

from kosoku import FailureError, run_fuzzingclient
from tornado.testing import bind_unused_port

from handlers.link import Poller
from tests.autobahn.echo import EchoServer

AT_A_TIME = 4
"""Many cases wait for a second."""


async def verdicts(link: str, cases: list[str]) -> dict[str, list[str]]:
    """By case: its verdict, that of its closing handshake, and what was seen."""
    server = EchoServer(Poller() if link == "socket" else None)
    sock, port = bind_unused_port()
    server.add_socket(sock)
    try:
        results = await run_fuzzingclient(f"ws://127.0.0.1:{port}", cases, concurrency=AT_A_TIME)
    except FailureError as failure:
        results = failure.results
    server.stop()
    return {one.case_id: [one.behavior.value, one.behavior_close.value, f"{one.result} {one.result_close}"] for one in results}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(verdicts(sys.argv[1], sys.argv[2:]))), flush=True)
    os._exit(0)  # at once: a thread of the runner that is still there when Python ends makes it abort, one time in ten
