"""What the tests of votes share: the votes of one server process, and what has to be true of them whatever happened."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from protocol.message import Message
from protocol.subscription import Subscription
from protocol.tally import NewVote
from store.votes import Votes
from tests.store.processes import ANNA, Follower, Process, Proxy

DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def new_vote(**fields: Any) -> NewVote:
    return NewVote(**{"question": "Tea or coffee?", "choices": ["Tea", "Coffee", "Neither"], **fields})


class Polling(Process):
    """A process with its votes; nothing looks at the time unless `votes.start` was called."""

    votes: Votes

    @classmethod
    async def make(cls, database: Any, name: bytes = b"p1", wall_ms: Callable[[], int] = now_ms, **limits: Any) -> "Polling":
        process = await super().make(database, name, **limits)
        assert isinstance(process, Polling)
        process.votes = Votes(database, process.reader, process.hub, process.log, name, process.writer.trimmable, wall_ms=wall_ms)
        return process

    async def vote(self, id: str = "v", **fields: Any) -> str:
        return (await self.votes.create(id, ANNA, new_vote(**fields))).vote.id


class Page(Follower):
    """Keeps the states that it was given."""

    def __init__(self, process: Process):
        super().__init__(process)
        self.states: list[dict[str, Any]] = []

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        self.states.extend(msgspec.json.decode(message.payload)["data"] for message in messages)
        return super().push(subscription, messages)


async def until(condition: Callable[[], Any], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


async def stored_states(process: Process, id: str = "v") -> list[dict[str, Any]]:
    """The events of the vote's channel, as the log has them."""
    return [msgspec.json.decode(message.payload) async for chunk in process.reader.chunks(f"vote:{id}", 0) for message in chunk.messages]


async def check(process: Polling, ballots: dict[str, list[int]], id: str = "v") -> None:
    """The ballots are these, the tally is theirs, and the log's last state says so, at the offset of the document."""
    kept = {document["_id"]["u"]: document["c"] async for document in process.database.ballots.find({"_id.v": id})}
    assert kept == {user: choices for user, choices in ballots.items() if choices}
    standing = await process.votes.get(id)
    expected = [sum(choice in choices for choices in ballots.values()) for choice in range(len(standing.vote.choices))]
    assert (standing.vote.tally, standing.vote.voters) == (expected, len(kept))
    states = await stored_states(process, id)
    assert [state["offset"] for state in states] == list(range(1, standing.position.offset + 1))
    assert states[-1]["data"] == msgspec.to_builtins(standing.vote) and states[-1]["position"] == str(standing.position)


class CommitProxy(Proxy):
    """From the first commit of a transaction on it swallows all answers: what was committed is known to MongoDB alone."""

    armed = False
    lose = 0
    """So many commits don't arrive at all, and their connections are cut."""

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        while data := await reader.read(65536):
            if up and self.lose and b"commitTransaction" in data:
                self.lose -= 1
                break
            if up and self.armed and b"commitTransaction" in data:
                self.mode = "swallow-answers"
            while self.mode == "freeze":
                await asyncio.sleep(0.01)
            if self.mode == "swallow-answers" and not up:
                continue
            writer.write(data)
            await writer.drain()
        writer.close()
