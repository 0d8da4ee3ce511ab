"""Follows one job and its items, from the log and the store alone: whoever works on it, and whoever began to follow it before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from handlers.base import encode
from handlers.node import Node
from protocol.codes import Unavailable
from protocol.message import Message
from protocol.positions import Next
from protocol.progress import Job
from protocol.session import Attachment, Read
from protocol.subscription import Subscription

PAGE_BYTES = 256 * 1024
PAGE_ITEMS = 500
TRIES = 5
AGAIN_S = 1.0
ALL = 2**62
"""Beyond the index of any item."""


class Left(Exception):
    """The log has begun another life: come again."""


class News(msgspec.Struct):
    """What is new, in this order; all of it empty where nothing came for a while."""

    items: list[bytes] = []
    last: int = -1
    """The index of the last of them."""
    state: bytes | None = None
    job: Job | None = None


class _State(msgspec.Struct):
    data: Job


class _Item(msgspec.Struct):
    index: int


class Bell:
    """A wire that only rings."""

    form = None

    def __init__(self, epoch: str):
        self.attachment = Attachment(self, epoch)
        self.rung = asyncio.Event()
        self.left = False
        self.stopped = False

    def stop(self) -> None:
        """Nobody listens any more."""
        self.stopped = True
        self.rung.set()

    def push(self, subscription: Subscription, messages: list[Message]) -> bool:
        self.rung.set()
        return False

    def wake(self) -> None:
        self.rung.set()

    def leave(self) -> None:
        self.left = True
        self.rung.set()

    def signal(self, payload: bytes) -> None:
        """States alone count here."""


async def follow(node: Node, id: str, after: int, heartbeat_s: float, bell: Bell) -> AsyncIterator[News]:
    """The job's states as they come, each behind the items that it counts, beginning after item *after*; ends with the final one.

    Something comes every *heartbeat_s* seconds. Raises Left, ProtocolError not-found, Unavailable.
    """
    async with contextlib.aclosing(states(node, id, heartbeat_s, bell)) as all_states:
        async for news in all_states:
            if news.job is not None:
                async for page in pages(node, id, after, await last_item(node, news.job)):
                    after = page.last
                    yield page
                    if bell.stopped:
                        return
            yield news


async def pages(node: Node, id: str, after: int, last: int) -> AsyncIterator[News]:
    """The job's items behind index *after*, up to *last*. Raises Unavailable."""
    while after < last:
        page = await node.items.page(id, after, PAGE_ITEMS, PAGE_BYTES)
        if not page.items:
            return  # there are no more, or they were dropped long ago
        after = msgspec.json.decode(page.items[-1], type=_Item).index
        yield News(items=page.items, last=after)


async def last_item(node: Node, job: Job) -> int:
    """The index of the last item to tell with that state, or more: once the job was cancelled, all, also those that were stored
    while its task didn't know of it yet. Raises Unavailable."""
    if job.state != "cancelled":
        return (job.items or 0) - 1
    await node.runner.left(job.id)
    return ALL


async def states(node: Node, id: str, heartbeat_s: float, bell: Bell) -> AsyncIterator[News]:
    """The job's states as they come, the final one last, unless *bell* is stopped; every *heartbeat_s* seconds one without news.

    Raises Left, ProtocolError not-found, Unavailable.
    """
    await node.jobs.get(id)
    log, resolution = await node.feed.locate(f"job:{id}", Next())
    try:
        bell.attachment.attach(log, resolution, announce=False)
        while True:
            bell.rung.clear()
            if bell.stopped:
                return
            state = await _newest(node, bell)
            if bell.left:
                raise Left()
            job = msgspec.json.decode(state, type=_State).data if state is not None else None
            yield News(state=state, job=job)
            if job is not None and job.is_final:
                return
            try:
                async with asyncio.timeout(heartbeat_s):
                    await bell.rung.wait()
            except TimeoutError:
                pass
    finally:
        bell.attachment.close()


async def final(node: Node, id: str, heartbeat_s: float, bell: Bell) -> Job | None:
    """The job at its end; None where *bell* was stopped before. Raises ProtocolError not-found, Unavailable."""
    job = None
    try:
        async with contextlib.aclosing(states(node, id, heartbeat_s, bell)) as all_states:
            async for news in all_states:
                job = news.job or job
    except Left as error:
        raise Unavailable() from error
    return job if job is not None and job.is_final else None


async def all_items(node: Node, id: str, last: int) -> AsyncIterator[News]:
    """The job's items up to index *last*, patiently: who has begun to send an answer can't ask that it be asked for again."""
    after = -1
    for left in reversed(range(TRIES)):
        try:
            async for page in pages(node, id, after, last):
                after = page.last
                yield page
            return
        except Unavailable:
            if not left:
                raise
            await asyncio.sleep(AGAIN_S)


def outcome(job: Job) -> dict[str, Any]:
    """What became of it, as an answer carries it: a `result`, or an `error`."""
    if job.state == "done":
        return {"result": job.result}
    if job.state == "failed" and isinstance(job.result, dict) and "error" in job.result:
        return {"error": job.result["error"]}
    return {"error": {"code": job.state, "message": job.note or f"The task was {job.state}."}}


def last_event(job: Job) -> bytes:
    found = outcome(job)
    return encode({"type": "error", **found["error"]} if "error" in found else {"type": "end", **found})


async def _newest(node: Node, bell: Bell) -> bytes | None:
    state = None
    while pulled := bell.attachment.pull(PAGE_BYTES):
        if isinstance(pulled, Read):
            bell.attachment.give(pulled, await node.feed.page(pulled, PAGE_BYTES))
        else:
            state = pulled[-1].messages[-1].payload
    return state
