"""What this process tells all others, and what it does about what they tell: those of this host at once, other hosts by the bus."""

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from protocol.notices import Notice, decode_notice, encode_notice

N = TypeVar("N", bound=Notice)

logger = logging.getLogger("anywire.notices")


class Way(Protocol):
    """To some of the other processes. A notice gets there once, or not at all; telling neither waits nor fails."""

    def tell(self, notice: bytes) -> None: ...

    def reaches_anybody(self) -> bool:
        """False where nobody is known to be at its end."""


class Notices:
    def __init__(self) -> None:
        self._ways: list[Way] = []
        self._acts: dict[type, Callable[..., None]] = {}

    def add(self, way: Way) -> None:
        """From now on also by *way*."""
        self._ways.append(way)

    def reaches_anybody(self) -> bool:
        """False where this process is the only one, as far as is known."""
        return any(way.reaches_anybody() for way in self._ways)

    def on(self, kind: type[N], act: Callable[[N], None]) -> None:
        """*act* is called with each notice of this *kind* that another process tells."""
        self._acts[kind] = act

    def tell(self, notice: Notice) -> None:
        """All other processes are told."""
        if self._ways:
            data = encode_notice(notice)
            for way in self._ways:
                way.tell(data)

    def hear(self, data: bytes) -> None:
        """What a way brought."""
        try:
            notice = decode_notice(data)
        except msgspec.DecodeError:
            logger.warning("another process said something that this version has no word for")
            return
        act = self._acts.get(type(notice))
        if act is not None:
            act(notice)
