"""What a hostile box does to those that pass, one small class for each way; MODES is the list.

A mode is its name, or its name, a colon and a number: `kill-idle:1`.
"""

import asyncio
import math
import random
import re

from tests.browsers.http1 import Head
from tests.browsers.link import Link

_ANSWER = "HTTP/1.1 {}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}"
_LOGIN = "<!DOCTYPE html><title>Welcome</title><h1>Log in to use this network</h1>"
_SEED = 20  # so that two runs drop the same answers


def page(status: str, html: str = "") -> bytes:
    return _ANSWER.format(status, len(html), html).encode()


class Fault:
    """As it stands, everything goes through. *argument* is the number behind the mode's name."""

    listens = True

    def __init__(self, argument: float = 0):
        self.argument = argument

    async def connected(self, link: Link) -> None:
        """Before anything is read from a client."""

    async def requested(self, link: Link, request: Head) -> Head | None:
        """What the server gets; None where this request is dealt with here."""
        return request

    async def answered(self, link: Link, request: Head, answer: Head) -> None:
        """Before an answer's head is passed on."""

    def keeps(self, answer: Head) -> float:
        """How many pieces of this answer are kept back until more of them come, or it ends."""
        return 0


class RefuseAll(Fault):
    """Nobody listens."""

    listens = False


class LoginPage(Fault):
    async def requested(self, link: Link, request: Head) -> Head | None:
        await link.reply(page("200 OK", _LOGIN))
        return None


# WebSockets


class StripUpgrade(Fault):
    async def requested(self, link: Link, request: Head) -> Head | None:
        return request.without(r"(upgrade|connection|sec-websocket[^:]*):") if request.is_upgrade else request


class DenyWs(Fault):
    async def requested(self, link: Link, request: Head) -> Head | None:
        if not request.is_upgrade:
            return request
        await self.refuse(link)
        return None

    async def refuse(self, link: Link) -> None:
        await link.reply(page("403 Forbidden"))


class RstWs(DenyWs):
    async def refuse(self, link: Link) -> None:
        link.cut(reset=True)


class HangWs(DenyWs):
    """The handshake is taken and never answered."""

    async def refuse(self, link: Link) -> None:
        link.freeze()


class LateWs(Fault):
    """The handshake is passed on so many seconds later."""

    async def requested(self, link: Link, request: Head) -> Head | None:
        if request.is_upgrade:
            await asyncio.sleep(self.argument)
        return request


class SilenceAfter101(Fault):
    """The 101 alone goes through: the first frames often come in the same segment."""

    async def answered(self, link: Link, request: Head, answer: Head) -> None:
        if answer.status == 101:
            await link.down.send(answer.raw)
            link.freeze()


class CutAfter101(Fault):
    """At once, or so many seconds later; each WebSocket, for ever."""

    async def answered(self, link: Link, request: Head, answer: Head) -> None:
        if answer.status == 101:
            if self.argument == 0:
                await link.down.send(answer.raw)
                link.cut()
            link.later(self.argument, link.cut)


# answers


class Buffer(Fault):
    """Each answer is held until it is complete."""

    def keeps(self, answer: Head) -> float:
        return math.inf


class BufferSse(Fault):
    """An event stream is held until it ends."""

    kept: float = math.inf

    def keeps(self, answer: Head) -> float:
        return self.kept if answer.is_event_stream else 0


class OneBehind(BufferSse):
    """Of an event stream the last event is held until the next one comes."""

    kept = 1


class DelaySse(Fault):
    """All of an event stream comes so many seconds later."""

    async def answered(self, link: Link, request: Head, answer: Head) -> None:
        if answer.is_event_stream:
            link.down.delay_s = self.argument


class DropAnswers(Fault):
    """Of the answers to polls and publishes this share is dropped, after the server has written them."""

    def __init__(self, argument: float = 0):
        super().__init__(argument)
        self._random = random.Random(_SEED)

    async def answered(self, link: Link, request: Head, answer: Head) -> None:
        if re.search(r"/v1/(long-poll|short-poll|publish)\b", request.target) and self._random.random() < self.argument:
            link.cut()


# connections


class Cut(Fault):
    """Each connection lives so many seconds."""

    async def connected(self, link: Link) -> None:
        link.later(self.argument, link.cut)


class Freeze(Fault):
    """Each connection stays open, and after so many seconds nothing moves on it."""

    async def connected(self, link: Link) -> None:
        link.later(self.argument, link.freeze)


class KillIdle(Fault):
    """A connection on which nothing moved for so many seconds is cut."""

    async def connected(self, link: Link) -> None:
        self._look(link)

    def _look(self, link: Link) -> None:
        left_s = self.argument - link.idle_s
        if left_s <= 0:
            link.cut()
        else:
            link.later(left_s, lambda: self._look(link))


class Latency(Fault):
    """Everything takes so many seconds each way, the TCP handshake too."""

    async def connected(self, link: Link) -> None:
        link.down.delay_s = link.up.delay_s = self.argument
        await asyncio.sleep(2 * self.argument)


MODES: dict[str, type[Fault]] = {
    "pass": Fault,
    "refuse-all": RefuseAll,
    "login-page": LoginPage,
    "strip-upgrade": StripUpgrade,
    "deny-ws": DenyWs,
    "rst-ws": RstWs,
    "hang-ws": HangWs,
    "late-ws": LateWs,
    "101-then-silence": SilenceAfter101,
    "101-then-cut": CutAfter101,
    "buffer": Buffer,
    "buffer-sse": BufferSse,
    "one-behind": OneBehind,
    "delay-sse": DelaySse,
    "drop-answers": DropAnswers,
    "cut": Cut,
    "freeze": Freeze,
    "kill-idle": KillIdle,
    "latency": Latency,
}


def fault(mode: str) -> Fault:
    name, _, argument = mode.partition(":")
    return MODES[name](float(argument or 0))
