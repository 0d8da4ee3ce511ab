"""What tells that a bus has lost something: each process numbers what it publishes, and says its number every second."""

from collections.abc import Callable, Iterable

BEAT_S = 1.0
SILENT_S = 3.0
"""Without a beat for so long, a live process may have stored what the bus hasn't brought."""
OWN_SILENT_S = 1.5
"""Our own beats come back to us, and a loop that is late reads late too: so this can be shorter."""
FORGET_S = 60.0


class _Peer:
    __slots__ = ("heard_s", "number")

    def __init__(self, heard_s: float):
        self.heard_s = heard_s
        self.number = 0


class Beats:
    """The numbers of the other processes, and when each was last heard."""

    def __init__(self, own: bytes, clock: Callable[[], float]):
        """*own* is this process; *clock* gives monotonic seconds."""
        self._own = own
        self._clock = clock
        self._peers: dict[bytes, _Peer] = {}

    def take(self, process: bytes, number: int, *, is_beat: bool) -> bool:
        """*process* has published its *number*th, or says with a beat that it was its last one. True where others before it are missing."""
        peer = self._peer(process)
        peer.heard_s = self._clock()
        missing = number > peer.number + (0 if is_beat else 1)
        peer.number = max(peer.number, number)
        return missing and process != self._own

    def silent(self, live: Iterable[bytes]) -> bool:
        """True where this process, or another one of *live*, should have been heard and wasn't."""
        now = self._clock()
        live = {*live, self._own}
        self._peers = {p: peer for p, peer in self._peers.items() if p in live or now - peer.heard_s < FORGET_S}
        return any(now - self._peer(p).heard_s > (OWN_SILENT_S if p == self._own else SILENT_S) for p in live)

    def _peer(self, process: bytes) -> _Peer:
        if process not in self._peers:
            self._peers[process] = _Peer(self._clock())
        return self._peers[process]
