"""The servers that are compared, as data: how each is started, reached, subscribed to and published through.

Texts that are published have {number} where the generator puts a message's number, and {pad} for what makes it as long as
a line of a chat.
"""

import sys
from dataclasses import dataclass, field, replace

from bench.compiled import BUILD, ROOT, program

WEBSOCKET, SSE, LONG_POLL = WIRES = ("websocket", "sse", "long-poll")
PAD = "x" * 64
PYTHON = str(BUILD / "venv" / "bin" / "python")
PEERS = ROOT / "bench" / "peers"


@dataclass(frozen=True)
class Route:
    """What the generator has to know of a server (bench/c/connection.h); *messages*: what is published, by how."""

    wire: str
    path: str
    messages: dict[str, str]
    send: str = ""
    ready: str = ""
    publish_path: str = "/publish"
    publish_send: str = ""
    publish_ready: str = ""
    validators: bool = False


@dataclass(frozen=True)
class Server:
    """One that is measured. In its command {port} and {data}, an empty folder, are replaced; *helper* is started before it,
    its port goes to the environment variable {HELPER}_PORT."""

    name: str
    command: tuple[str, ...]
    routes: tuple[Route, ...]
    environment: dict[str, str] = field(default_factory=dict)
    helper: str = ""
    slow: bool = False
    """One round, and no more than a thousand receivers."""


def route(wire: str, path: str, text: str, **more: str | bool) -> Route:
    return Route(wire, path, {"": text.replace("{pad}", PAD)}, **more)  # type: ignore[arg-type]


# ours

SUB = "sub=chat:r"
EVENTS = {kind: f'{{"type":"{kind}","channel":"chat:r","data":{{"text":"{{number}}{PAD}"}}}}' for kind in ("signal", "publish")}
OURS = Route(
    WEBSOCKET,
    f"/v1/websocket?{SUB}",
    {"signal": EVENTS["signal"], "durable": EVENTS["publish"]},
    ready='"subscribed"',
    publish_path="/v1/websocket?sub=chat:publisher",
    publish_ready='"subscribed"',
)
ANYWIRE = Server(
    "Anywire",
    (sys.executable, str(ROOT / "server.py"), "--follow-parent", "--port", "{port}", "--data", "{data}"),
    (
        OURS,
        replace(OURS, wire=SSE, path=f"/v1/sse?{SUB}&ids=0"),
        # signals answer a held poll once a second at most: there is nothing to measure
        replace(OURS, wire=LONG_POLL, path=f"/v1/long-poll?{SUB}", messages={"durable": EVENTS["publish"]}),
    ),
    environment={
        "ANYWIRE_PUBLISH_PER_S": "0",
        "ANYWIRE_CATCH_UP_BYTES_PER_S": "0",  # all clients come from one machine
        "ANYWIRE_MONGO_DRIVER": "pymongo",
    },
)

# the floor; its messages are as long as Anywire's events become

LINE = '{"text":"{number}{pad}"}'
EVENT = LINE.replace("{pad}", "{pad}" + "x" * 130)
FLOOR = Server(
    "C floor",
    (str(program("floor")), "{port}"),
    (route(WEBSOCKET, "/websocket", EVENT), route(SSE, "/sse", EVENT), route(LONG_POLL, "/long-poll", EVENT)),
)

HELPERS: dict[str, tuple[str, ...]] = {}
ALL = (FLOOR, ANYWIRE)
