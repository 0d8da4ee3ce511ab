"""Follows one job and its items, from the log and the store alone: whoever works on it, and whoever began to follow it before."""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from handlers.node import Node
from protocol.message import Message
from protocol.positions import Next
from protocol.progress import Job
from protocol.session import Attachment, Read, Subscription

PAGE_BYTES = 256 * 1024
PAGE_ITEMS = 500


class Left(Exception):
    """The log has begun another life: come again."""


class News(msgspec.Struct):
    """What is new, in this order; all of it empty where nothing came for a while."""

    items: list[bytes] = []
    state: bytes | None = None
    job: Job | None = None


class _State(msgspec.Struct):
    data: Job


class _Bell:
    """A wire that only rings."""

    def __init__(self, epoch: str):
        self.attachment = Attachment(self, epoch)
        self.rung = asyncio.Event()
        self.left = False

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


async def follow(node: Node, id: str, after: int, heartbeat_s: float) -> AsyncIterator[News]:
    """The job's states as they come, each behind the items that it counts, beginning after item *after*; ends with the final one.

    Something comes every *heartbeat_s* seconds. Raises Left, ProtocolError not-found, Unavailable.
    """
    await node.jobs.get(id)
    log, resolution = await node.feed.locate(f"job:{id}", Next())
    bell = _Bell(node.hub.epoch)
    try:
        bell.attachment.attach(log, resolution, announce=False)
        while True:
            bell.rung.clear()
            state = await _newest(node, bell)
            if bell.left:
                raise Left()
            job = msgspec.json.decode(state, type=_State).data if state is not None else None
            if job is not None:
                while after + 1 < (job.items or 0):
                    page = await node.items.page(id, after, PAGE_ITEMS, PAGE_BYTES)
                    if not page.items:
                        break  # they were dropped long ago
                    after += len(page.items)
                    yield News(items=page.items)
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


async def _newest(node: Node, bell: _Bell) -> bytes | None:
    state = None
    while pulled := bell.attachment.pull(PAGE_BYTES):
        if isinstance(pulled, Read):
            bell.attachment.give(pulled, await node.feed.page(pulled, PAGE_BYTES))
        else:
            state = pulled[-1].message.payload
    return state
