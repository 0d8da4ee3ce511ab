"""Who is there, over all processes: each looks once a second at who is in the channels that somebody looks at.

Nothing of it is stored, and who subscribes or leaves does nothing for it. A process that has somebody who looks asks the others;
they say who is there by them, again whenever that changes, and now and then in any case. So what was lost is said again, a
process that died is forgotten, and a channel at which nobody looks costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from cluster.notices import Notices
from protocol.notices import MAX_NAMED, AskNotice, HereNotice, LeftNotice
from protocol.presence import Crowd

EVERY_S = 1.0
"""Between two looks, and so between two events of a channel."""
A_LOOK = 5000
"""Subscriptions that are gone through in a millisecond or two: of more, the looks are rarer."""
UNKNOWN = 2
SLICE = 200
"""Channels in one turn of the loop."""
AGAIN_S = 12.0
"""Between two times that the same is asked or said; three of them fit into what it takes to be forgotten (protocol/presence.py)."""
ASKED_S = 40.0
"""How long who was asked goes on to say what changes."""
LOOKED_S = 60.0
"""How long a channel is looked at after a single question."""
AWAY_S = 20.0
"""How long it is looked at after who watched has left."""
ANSWER_S = 0.3
"""For the others to answer a first question."""


class Viewer(Protocol):
    """A wire whose client asked for presence."""

    def signal(self, payload: bytes) -> None: ...


Lately = dict[str, tuple[str, float]]
"""Users by id: the name, and until when they are taken to be there."""

Look = Callable[[str, Lately], None]
"""Notes in it who is in a channel by this process."""


class Channel:
    """What this process knows of a channel at which somebody looks, here or elsewhere."""

    __slots__ = ("asked_s", "asking_s", "crowd", "due_s", "lately", "looked_s", "said", "said_s", "viewers")

    def __init__(self, crowd: Crowd):
        self.crowd = crowd
        self.viewers: set[Viewer] = set()
        self.lately: Lately = {}
        self.looked_s = self.asked_s = 0.0
        """Until when somebody looks at it here, other than the viewers, and elsewhere."""
        self.due_s = self.asking_s = self.said_s = 0.0
        """When to look again, to ask the others again, to say again what was said."""
        self.said: tuple[dict[str, str], int] = {}, 0


class Presence:
    def __init__(self, process: bytes, notices: Notices, look: Look, clock: Callable[[], float]):
        self._process = process
        self._notices = notices
        self._note_all = look
        self._clock = clock
        self._channels: dict[str, Channel] = {}
        self._round: list[str] = []
        """What is left of the round under way."""
        self._timer: asyncio.TimerHandle | None = None
        notices.on(AskNotice, self._asked)
        notices.on(HereNotice, self._heard)
        notices.on(LeftNotice, self._left)

    def watch(self, viewer: Viewer, channels: Collection[str], known: int | None = None) -> None:
        """*viewer* is told of changes from now on, and first of everybody, unless what it knows is *known*, the digest."""
        is_told = known is None or known != self.digest(channels)
        for name in channels:
            channel = self._channel(name)
            channel.viewers.add(viewer)
            if is_told and channel.crowd.count >= 0:
                viewer.signal(channel.crowd.whole())

    def digest(self, channels: Collection[str]) -> int:
        """Of who is in all of *channels*: 3 or more, UNKNOWN where that isn't known yet."""
        digest = 0
        for name in channels:
            crowd = self._channels[name].crowd if name in self._channels else None
            if crowd is None or crowd.count < 0:
                return UNKNOWN
            digest ^= crowd.digest()
        return max(digest, UNKNOWN + 1)

    def unwatch(self, viewer: Viewer, channels: Iterable[str]) -> None:
        """It may come again: who polls has no other way to go on."""
        for name in channels:
            channel = self._channels.get(name)
            if channel is not None:
                channel.viewers.discard(viewer)
                channel.looked_s = max(channel.looked_s, self._clock() + AWAY_S)

    def note(self, channels: Iterable[str], id: str, name: str, for_s: float) -> None:
        """The user is there for so long, without a connection: it comes and goes."""
        if self._channels:
            for channel in channels:
                known = self._channels.get(channel)
                if known is not None:
                    known.lately[id] = (name, self._clock() + for_s)

    async def look(self, channel: str) -> Crowd:
        """Who is there. The first time the others are given a moment to answer."""
        known = self._channel(channel)
        known.looked_s = self._clock() + LOOKED_S
        if known.crowd.count < 0:
            self._look(channel, known, self._clock())
            if self._notices.reaches_anybody():
                await asyncio.sleep(ANSWER_S)
        self._look(channel, known, self._clock())
        return known.crowd

    def close(self) -> None:
        """Says good-bye to the other processes."""
        if self._timer is not None:
            self._timer.cancel()
        self._notices.tell(LeftNotice(self._process))

    def forget(self, process: bytes) -> None:
        """*process* is dead."""
        for channel in self._channels.values():
            channel.crowd.forget(process)

    def _channel(self, name: str) -> Channel:
        """The channel, which is looked at soon where it is new."""
        known = self._channels.get(name)
        if known is None:
            known = self._channels[name] = Channel(Crowd(name, self._clock))
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(EVERY_S / 10, self._turn)
        return known

    def _turn(self) -> None:
        """One look at each channel, in slices, between which the loop does its other work."""
        loop, now_s = asyncio.get_running_loop(), self._clock()
        if not self._round:
            self._round = list(self._channels)
        due, self._round = self._round[:SLICE], self._round[SLICE:]
        for name in due:
            channel = self._channels.get(name)
            if channel is not None and now_s >= channel.due_s:
                self._look(name, channel, now_s)
        if self._round:
            self._timer = loop.call_later(0, self._turn)
        else:
            self._timer = loop.call_later(EVERY_S, self._turn) if self._channels else None

    def _look(self, name: str, channel: Channel, now_s: float) -> None:
        is_watched = bool(channel.viewers) or now_s < channel.looked_s
        if not is_watched and now_s >= channel.asked_s:
            del self._channels[name]
            return
        self._note_all(name, channel.lately)
        channel.lately = {id: (called, until_s) for id, (called, until_s) in channel.lately.items() if until_s > now_s}
        count = len(channel.lately)
        channel.due_s = now_s + EVERY_S * (count // A_LOOK)
        here = {id: called for id, (called, _) in channel.lately.items()} if count <= MAX_NAMED else {}, count
        if is_watched:
            if now_s >= channel.asking_s:
                channel.asking_s = now_s + AGAIN_S
                self._notices.tell(AskNotice(name))
            channel.crowd.say(self._process, *here)
            event = channel.crowd.refresh()
            for viewer in list(channel.viewers) if event is not None else ():
                viewer.signal(event)
        if now_s < channel.asked_s and (here != channel.said or count and now_s >= channel.said_s):
            channel.said, channel.said_s = here, now_s + AGAIN_S
            self._notices.tell(HereNotice(self._process, name, *here))

    def _asked(self, notice: AskNotice) -> None:
        channel = self._channel(notice.channel)
        channel.asked_s = self._clock() + ASKED_S
        channel.said_s = 0.0
        self._look(notice.channel, channel, self._clock())

    def _heard(self, notice: HereNotice) -> None:
        channel = self._channels.get(notice.channel)
        if channel is not None:
            channel.crowd.say(notice.process, notice.users, notice.count)

    def _left(self, notice: LeftNotice) -> None:
        self.forget(notice.process)
