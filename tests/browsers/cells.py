"""The fault matrix as data: which browser, in which network, lacking what, ends on which transport, and why not on a better one.

Verdicts are those of the wires that failed: no other may fail, and the browser's lacks are added by themselves.
"""

from dataclasses import dataclass, field

WEBSOCKET, SSE, LONG_POLL, SHORT_POLL = "websocket", "sse", "long-poll", "short-poll"
TRANSPORTS = (WEBSOCKET, SSE, LONG_POLL, SHORT_POLL)
LACKS = {"": (), "no-websocket": (WEBSOCKET,), "polls-only": (WEBSOCKET, SSE)}
OTHERS = ("firefox", "webkit", "phantomjs")
STARTS = {"chromium": 10, "firefox": 3, "webkit": 3, "phantomjs": 3}


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
    """What happens to all connections in mid-stream: cut or freeze."""
    afterwards: str = "pass"
    """The box's mode from the strike on; where the network lets nothing through, that which comes later."""


@dataclass(frozen=True)
class Cell:
    network: str
    browser: str
    lacks: str
    transport: tuple[str, ...]
    """The one that it ends on; several where chance decides; none where nothing goes through, and it ends with the box's *afterwards*."""
    verdicts: frozenset[str] = field(default=frozenset())

    @property
    def id(self) -> str:
        return "-".join(part for part in (self.browser, self.network, self.lacks) if part)

    @property
    def lacking(self) -> tuple[str, ...]:
        return LACKS[self.lacks]

    @property
    def starts(self) -> int:
        return STARTS[self.browser] if self.transport else 1


NETWORKS = {
    "direct": Network("no box at all"),
    "nginx": Network("nginx as in `deploy/nginx.conf`", "nginx", "correct"),
    "hang-ws": Network("a WebSocket's handshake is taken and never answered", "hostile", "hang-ws"),
}

Row = tuple[str, str, str, str, tuple[str, ...]]

ROWS: list[Row] = [
    # network, what the browser lacks, transport, verdicts, other browsers that have this cell, too
    ("direct", "", WEBSOCKET, "", OTHERS),
    ("direct", "no-websocket", SSE, "", ()),
    ("direct", "polls-only", LONG_POLL, "", ()),
    ("nginx", "", WEBSOCKET, "", ()),
    ("nginx", "no-websocket", SSE, "", ()),
    ("nginx", "polls-only", LONG_POLL, "", ()),
    ("hang-ws", "", SSE, "websocket.swallowed", OTHERS),
]


def _cells() -> list[Cell]:
    return [
        Cell(
            network,
            browser,
            lacks,
            tuple(transport.split()),
            frozenset(verdicts.split()) | {f"{name}.unsupported" for name in LACKS[lacks]},
        )
        for network, lacks, transport, verdicts, others in ROWS
        for browser in ("chromium", *others)
    ]


CELLS = _cells()
