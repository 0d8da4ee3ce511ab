"""The servers that are compared, as data: how each is started, reached, subscribed to and published through.

Texts that are published have {number} where the generator puts a message's number, and {pad} for what makes it as long as
a line of a chat.
"""

import sys
from dataclasses import dataclass, field, replace

from bench.compiled import BUILD, ROOT

WEBSOCKET, SSE, LONG_POLL = WIRES = ("websocket", "sse", "long-poll")
PAD = "x" * 64
PYTHON = str(BUILD / "venv" / "bin" / "python")
PEERS = ROOT / "bench" / "peers"
DEBIAN = BUILD / "debian"


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
    """One that is measured. In its command, its environment, and *template*, which is written to {data}/configuration, the
    names in braces are replaced (bench/servers.py). *helper* is started before it; the helper's port goes to an environment
    variable such as REDIS_PORT."""

    name: str
    command: tuple[str, ...]
    routes: tuple[Route, ...]
    environment: dict[str, str] = field(default_factory=dict)
    helper: str = ""
    template: str = ""
    sources: tuple[str, ...] = ()
    """What brings it (bench/install.py)."""
    packages: tuple[str, ...] = ()
    """Whose versions the table names."""
    slow: bool = False
    """One round in the closed loop, and no more than a thousand receivers."""


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
EVENT = LINE.replace("{pad}", "{pad}" + "x" * 190)
FLOOR = Server(
    "C floor",
    ("{floor}", "{port}"),
    (route(WEBSOCKET, "/websocket", EVENT), route(SSE, "/sse", EVENT), route(LONG_POLL, "/long-poll", EVENT)),
)

# the others, each as its documentation shows it

WEBSOCKET_LINE = route(WEBSOCKET, "/websocket", LINE)
SSE_LINE = route(SSE, "/sse", LINE)
SOCKET_IO = {"send": "40", "ready": "40{", "publish_send": "40", "publish_ready": "40{"}  # Engine.IO 4: open, then join a namespace
SOCKET_IO_LINE = route(
    WEBSOCKET,
    "/socket.io/?EIO=4&transport=websocket",
    f'42["publish",{LINE}]',
    publish_path="/socket.io/?EIO=4&transport=websocket",
    **SOCKET_IO,
)
REDIS = ("{debian}/usr/bin/redis-server", "--port", "{port}", "--save", "", "--appendonly", "no", "--dir", "{data}")
HELPERS = {"redis": REDIS}
LIBRARIES = {"LD_LIBRARY_PATH": "{libraries}"}  # Debian's packages are unpacked, not installed


def python(name: str, file: str, *routes: Route, packages: tuple[str, ...]) -> Server:
    return Server(name, (PYTHON, str(PEERS / file), "{port}"), routes, sources=("python",), packages=packages)


def node(name: str, file: str, route: Route, package: str) -> Server:
    environment = {"NODE_PATH": str(BUILD / "node" / "node_modules")}
    return Server(name, ("node", str(PEERS / file), "{port}"), (route,), environment, sources=("node",), packages=(package,))


OTHERS = (
    python("picows", "picows_server.py", WEBSOCKET_LINE, packages=("picows", "uvloop")),
    Server(
        "nchan",
        ("{debian}/usr/sbin/nginx", "-p", "{data}", "-e", "stderr", "-c", "{data}/configuration"),
        (WEBSOCKET_LINE, SSE_LINE, route(LONG_POLL, "/long-poll", LINE, validators=True)),
        LIBRARIES,
        template="nchan.conf",
        sources=("debian",),
        packages=("libnginx-mod-nchan",),
    ),
    python("aiohttp", "aiohttp_server.py", WEBSOCKET_LINE, SSE_LINE, packages=("aiohttp", "uvloop")),
    node("ws", "ws_server.js", WEBSOCKET_LINE, "ws"),
    python("websockets", "websockets_server.py", WEBSOCKET_LINE, packages=("websockets",)),
    node("Socket.IO", "socketio_server.js", SOCKET_IO_LINE, "socket.io"),
    python(
        "Tornado",
        "tornado_server.py",
        WEBSOCKET_LINE,
        SSE_LINE,
        route(LONG_POLL, "/long-poll", LINE, ready='"next"'),
        packages=("tornado",),
    ),
    Server(
        "python-socketio",
        (PYTHON, "-m", "uvicorn", "--app-dir", str(PEERS), "--port", "{port}", "--log-level", "error", "socketio_server:application"),
        (SOCKET_IO_LINE,),
        sources=("python",),
        packages=("python-socketio", "uvicorn"),
    ),
    Server(
        "Django Channels",
        (PYTHON, "-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0", "channels_server:application"),
        (route(WEBSOCKET, "/chat/", '{"message":"{number}{pad}"}', publish_path="/chat/"),),
        {"PYTHONPATH": str(PEERS), **LIBRARIES},
        helper="redis",
        sources=("python", "debian"),
        packages=("channels", "channels_redis", "daphne"),
        slow=True,
    ),
)
ALL = (FLOOR, ANYWIRE, *OTHERS)
