"""The fault matrix as data: which browser, in which network, lacking what, ends on which transport, and why not on a better one.

Verdicts are those of the wires that failed: no other may fail, and the browser's lacks are added by themselves.
"""

from dataclasses import dataclass
from typing import NamedTuple

WEBSOCKET, SSE, LONG_POLL, SHORT_POLL = "websocket", "sse", "long-poll", "short-poll"
TRANSPORTS = (WEBSOCKET, SSE, LONG_POLL, SHORT_POLL)
LACKS = {"": (), "no-websocket": (WEBSOCKET,), "polls-only": (WEBSOCKET, SSE)}
POLLS = f"{LONG_POLL} {SHORT_POLL}"
FIREFOX, WEBKIT, PHANTOMJS = "firefox", "webkit", "phantomjs"
EDBROWSE = "edbrowse"
OTHERS = (FIREFOX, WEBKIT, PHANTOMJS)
STARTS = {"chromium": 10, FIREFOX: 3, WEBKIT: 3, PHANTOMJS: 3, EDBROWSE: 3}


@dataclass(frozen=True)
class Network:
    """A box of boxes.py with its *setting*: for the hostile one its mode."""

    title: str
    box: str = "direct"
    setting: str = ""
    round_trip_s: float = 0
    loads_before: bool = False
    """The page was loaded before the box became like this; where nothing goes through there would be no page at all."""
    strike: str = ""
    """What happens to all connections in mid-stream: cut or freeze, or to the server: restart."""
    afterwards: str = "pass"
    """The box's mode from the strike on; where the network lets nothing through, that which comes later."""
    page: str = "/nowhere"
    """HTML that holds no connection of its own; the other such page is /vote."""


class Row(NamedTuple):
    """Of the table: one cell for Chromium, and one for each of the other browsers."""

    network: str
    transport: str
    verdicts: str = ""
    besides: str = ""
    """Verdicts that chance decides on."""
    lacks: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    network: str
    browser: str
    lacks: str
    transport: tuple[str, ...]
    """The one that it ends on; several where chance decides; none where nothing goes through, and it ends with the box's *afterwards*."""
    verdicts: frozenset[str]
    besides: frozenset[str]

    @property
    def id(self) -> str:
        return "-".join(part for part in (self.browser, self.network, self.lacks) if part)

    @property
    def lacking(self) -> tuple[str, ...]:
        return LACKS[self.lacks]

    @property
    def page(self) -> str:
        return "/vote" if self.browser == EDBROWSE else NETWORKS[self.network].page  # it asks for no HTML where there is an error

    @property
    def starts(self) -> int:
        return STARTS[self.browser] if self.transport else 1


NETWORKS = {
    "direct": Network("no box at all"),
    "pass": Network("a box that does nothing", "hostile", "pass"),
    "nginx": Network("nginx as in `deploy/nginx.conf`", "nginx", "correct"),
    "nginx-bare": Network("nginx with `proxy_pass` alone", "nginx", "bare"),
    "nginx-buffering": Network("nginx that ignores `X-Accel-Buffering`", "nginx", "buffering"),
    "nginx-hasty": Network("nginx with a read time-out of 1 s", "nginx", "hasty"),
    "nginx-tls": Network("nginx with TLS and HTTP/2", "nginx", "tls"),
    "haproxy-deny": Network("haproxy that denies `Upgrade`", "haproxy", "deny-upgrade"),
    "haproxy-delete": Network("haproxy that deletes `Upgrade`", "haproxy", "delete-upgrade"),
    "haproxy-compress": Network("haproxy that compresses event streams", "haproxy", "compress"),
    "squid": Network("squid, its default rules", "squid"),
    "tinyproxy": Network("tinyproxy, Debian's default rules", "tinyproxy", "default"),
    "tinyproxy-443": Network("tinyproxy that allows CONNECT to port 443 alone", "tinyproxy", "tls-ports"),
    "privoxy": Network("privoxy, its default actions", "privoxy"),
    "strip-upgrade": Network("the fields of the upgrade are taken out", "hostile", "strip-upgrade"),
    "deny-ws": Network("403 for a WebSocket", "hostile", "deny-ws"),
    "hang-ws": Network("a WebSocket's handshake is taken and never answered", "hostile", "hang-ws"),
    "rst-ws": Network("a WebSocket's connection is reset", "hostile", "rst-ws"),
    "101-then-silence": Network("the 101 goes through, and nothing after it", "hostile", "101-then-silence"),
    "101-then-cut": Network("a WebSocket is cut right after the 101", "hostile", "101-then-cut"),
    "cut-after-300-ms": Network("each WebSocket is cut 300 ms after the 101", "hostile", "101-then-cut:0.3"),
    "late-ws": Network("a WebSocket's handshake is passed on 1.5 s later", "hostile", "late-ws:1.5"),
    "buffer": Network("each answer is held until it is complete", "hostile", "buffer"),
    "buffer-sse": Network("an event stream is held until it is complete", "hostile", "buffer-sse"),
    "one-behind": Network("of an event stream the last event is held until the next one", "hostile", "one-behind"),
    "delay-sse": Network("an event stream comes 2 s later", "hostile", "delay-sse:2"),
    "drop-answers": Network("20 % of the answers to polls and publishes are dropped", "hostile", "drop-answers:0.2"),
    "latency-400": Network("400 ms each way", "hostile", "latency:0.4", round_trip_s=0.8, loads_before=True),
    "latency-800": Network("800 ms each way", "hostile", "latency:0.8", round_trip_s=1.6, loads_before=True),
    "kill-idle": Network("what is silent for 1 s is cut", "hostile", "kill-idle:1"),
    "kill-idle-soon": Network("what is silent for half a second is cut", "hostile", "kill-idle:0.5"),
    "cut": Network("each connection is cut after 1 s", "hostile", "cut:1", loads_before=True),
    "freeze": Network("on each connection nothing moves after 3 s", "hostile", "freeze:3", loads_before=True),
    "login-page": Network("a login page for everything, until somebody logs in", "hostile", "login-page", loads_before=True),
    "offline": Network("nobody listens, for a while", "hostile", "refuse-all", loads_before=True),
    "cut-once": Network("everything is cut in mid-stream", "hostile", "pass", strike="cut"),
    "freeze-once": Network("everything freezes in mid-stream", "hostile", "pass", strike="freeze"),
    "cut-then-deny-ws": Network("the same, and then 403 for a WebSocket", "hostile", "pass", strike="cut", afterwards="deny-ws"),
    "freeze-then-hang-ws": Network(
        "everything freezes, and a WebSocket is never answered again", "hostile", "pass", strike="freeze", afterwards="hang-ws"
    ),
    "restart": Network("the server restarts in mid-stream", "operator", ",".join(TRANSPORTS), strike="restart"),
    "no-websocket-offered": Network("the operator offers no WebSocket", "operator", ",".join(TRANSPORTS[1:]), page="/vote"),
    "polls-offered": Network("the operator offers polls alone", "operator", ",".join(TRANSPORTS[2:]), page="/vote"),
}

CUTS = "websocket.cut sse.cut long-poll.cut long-poll.lost long-poll.flapping"
"""A silence before a cut may be taken for its reason, and a new connection may do where an old one was cut."""
LOSSES = "long-poll.lost long-poll.cut long-poll.swallowed"
"""A browser may ask again by itself, and then the page doesn't hear of it."""
STALE = "sse.buffered sse.swallowed long-poll.swallowed short-poll.swallowed"
"""A browser takes a connection of its pool that is frozen, too."""
DROPS = " ".join(f"{name}.{word}" for name in (LONG_POLL, SHORT_POLL) for word in ("lost", "cut", "blocked", "flapping", "offline"))

ROWS: list[Row] = [
    Row("direct", WEBSOCKET, others=OTHERS),
    Row("direct", SSE, lacks="no-websocket"),
    Row("direct", LONG_POLL, lacks="polls-only", others=(EDBROWSE,)),
    Row("pass", WEBSOCKET),
    Row("nginx", WEBSOCKET, others=(WEBKIT,)),
    Row("nginx", SSE, lacks="no-websocket", others=(PHANTOMJS,)),
    Row("nginx", LONG_POLL, lacks="polls-only", others=(EDBROWSE,)),
    Row("nginx-bare", SSE, "websocket.blocked"),
    Row("nginx-bare", LONG_POLL, lacks="polls-only", others=(EDBROWSE,)),
    Row("nginx-buffering", LONG_POLL, "websocket.blocked sse.buffered"),
    Row("nginx-hasty", WEBSOCKET, "websocket.lost websocket.cut"),
    Row("nginx-hasty", SSE, "sse.lost sse.cut", lacks="no-websocket"),
    Row("nginx-hasty", POLLS, besides=LOSSES, lacks="polls-only"),
    Row("nginx-tls", WEBSOCKET),
    Row("nginx-tls", SSE, lacks="no-websocket"),
    Row("nginx-tls", LONG_POLL, lacks="polls-only"),
    Row("haproxy-deny", SSE, "websocket.blocked"),
    Row("haproxy-delete", SSE, "websocket.blocked"),
    Row("haproxy-compress", WEBSOCKET),
    Row("haproxy-compress", SSE, lacks="no-websocket"),
    Row("squid", SSE, "websocket.blocked", others=(FIREFOX,)),
    Row("tinyproxy", WEBSOCKET),
    Row("tinyproxy-443", SSE, "websocket.blocked"),
    Row("privoxy", WEBSOCKET),
    Row("privoxy", LONG_POLL, "sse.buffered", lacks="no-websocket"),
    Row("strip-upgrade", SSE, "websocket.blocked"),
    Row("deny-ws", SSE, "websocket.blocked", others=(PHANTOMJS,)),
    Row("hang-ws", SSE, "websocket.swallowed", others=OTHERS),
    Row("rst-ws", SSE, "websocket.blocked"),
    Row("101-then-silence", SSE, "websocket.silent", others=OTHERS),
    Row("101-then-cut", SSE, "websocket.blocked"),
    Row("cut-after-300-ms", SSE, "websocket.lost websocket.flapping", others=(FIREFOX,)),
    Row("late-ws", WEBSOCKET, others=(WEBKIT,)),
    Row("buffer", WEBSOCKET),
    Row("buffer", LONG_POLL, "sse.buffered", lacks="no-websocket"),
    Row("buffer", LONG_POLL, lacks="polls-only", others=(EDBROWSE,)),
    Row("buffer-sse", LONG_POLL, "sse.buffered", lacks="no-websocket", others=OTHERS),
    Row("one-behind", LONG_POLL, "sse.one-behind", lacks="no-websocket"),
    Row("delay-sse", LONG_POLL, "sse.delayed", lacks="no-websocket"),
    Row("drop-answers", WEBSOCKET),
    Row("drop-answers", SSE, lacks="no-websocket"),
    Row("drop-answers", POLLS, besides=DROPS, lacks="polls-only", others=(WEBKIT, PHANTOMJS, EDBROWSE)),
    Row("latency-400", WEBSOCKET),
    Row("latency-400", SSE, lacks="no-websocket"),
    Row("latency-800", WEBSOCKET),
    Row("latency-800", LONG_POLL, lacks="polls-only", others=(EDBROWSE,)),
    Row("kill-idle", WEBSOCKET, "websocket.lost websocket.cut"),
    Row("kill-idle", SSE, "sse.lost sse.cut", lacks="no-websocket"),
    Row("kill-idle", POLLS, besides=LOSSES, lacks="polls-only", others=(EDBROWSE,)),
    Row("kill-idle-soon", SHORT_POLL, "long-poll.cut long-poll.flapping", lacks="polls-only"),
    Row("cut", SHORT_POLL, "websocket.lost websocket.flapping sse.lost sse.flapping", besides=CUTS),
    Row("freeze", f"{WEBSOCKET} {SSE}", "websocket.silent"),
    Row("login-page", "", "websocket.blocked sse.blocked long-poll.captive-portal short-poll.captive-portal"),
    Row("offline", "", "websocket.blocked sse.blocked long-poll.blocked short-poll.offline", others=(FIREFOX,)),
    Row("cut-once", WEBSOCKET, "websocket.lost", others=(PHANTOMJS,)),
    Row("cut-once", SSE, "sse.lost", lacks="no-websocket"),
    Row("cut-once", LONG_POLL, besides=LOSSES, lacks="polls-only", others=(EDBROWSE,)),
    Row("freeze-once", WEBSOCKET, "websocket.silent", others=(WEBKIT,)),
    Row("freeze-once", SSE, "sse.silent", besides=STALE, lacks="no-websocket"),
    Row("freeze-once", LONG_POLL, besides=LOSSES, lacks="polls-only"),
    Row("cut-then-deny-ws", SSE, "websocket.lost websocket.blocked", others=(FIREFOX,)),
    Row("freeze-then-hang-ws", SSE, "websocket.silent websocket.swallowed", besides=STALE),
    Row("restart", WEBSOCKET, "websocket.draining", besides="websocket.offline"),
    Row("restart", SSE, "sse.draining", besides="sse.offline", lacks="no-websocket"),
    Row("no-websocket-offered", SSE, "websocket.disabled"),
    Row("polls-offered", LONG_POLL, "websocket.disabled sse.disabled"),
]


def _cells() -> list[Cell]:
    return [
        Cell(
            row.network,
            browser,
            row.lacks,
            tuple(row.transport.split()),
            frozenset(row.verdicts.split()) | {f"{name}.unsupported" for name in LACKS[row.lacks]},
            frozenset(row.besides.split()),
        )
        for row in ROWS
        for browser in ("chromium", *row.others)
    ]


CELLS = _cells()
