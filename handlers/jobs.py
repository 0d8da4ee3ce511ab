"""/v1/jobs: progress of long work. Each job has a key of its own, which its worker updates it with."""

import math
import re
from typing import Any

import msgspec

from handlers.base import Base, secrets_equal
from negotiation.identity import BACKEND, User
from protocol.codes import ProtocolError, Unavailable
from protocol.frames import check_id, parse_body
from protocol.progress import Change, NewJob
from store.job_channel import Shown
from store.jobs import Made

ANSWER_BYTES = 1024 * 1024
MAX_ITEMS = 1000
DEFAULT_ITEMS = 100
MAX_DIGITS = 4000
"""int() takes hardly more; what begins with so many is beyond all bounds anyway."""
_NUMBER = re.compile(r"-?[0-9]+")
"""Plain digits: int() would also take "1_000" and the digits of every script."""


class KeyBearer(Base):
    """A Bearer may be a job's key; what it opens is seen where it is used."""

    def _who(self) -> User:
        self.key = self.bearer()
        if self.key is not None and self.is_api_key(self.key):
            return BACKEND
        return self.visitor()

    def require_key(self, made: Made) -> None:
        """Raises ProtocolError unauthorized or forbidden."""
        if self.key is None:
            raise ProtocolError("unauthorized", "A job is updated with its key: Authorization: Bearer KEY.")
        if not secrets_equal(self.key, made.key):
            raise ProtocolError("forbidden", "This is not the key of this job.")


class JobList(Base):
    async def get(self) -> None:
        """The visitor's own, newest first."""
        self.answer({"jobs": [body(shown) for shown in await self.node.jobs.of_user(self.user.id)]})

    head = get

    async def post(self) -> None:
        if self.node.draining:
            raise Unavailable(code="draining")
        new = parse_body(self.body(), NewJob)
        new.check()
        check_id(new.id)
        if not self.user.backend:
            self.node.starts.take(self.user.id)
        made, shown, _ = await self.node.jobs.create(self.node.identity.unguessable("job", self.user, new.id), self.user.public(), new)
        self.answer({"id": made.id, "channel": f"job:{made.id}", "key": made.key, "position": shown.position}, 201)


class JobOne(KeyBearer):
    async def get(self, id: str) -> None:
        self.answer(body(await self.node.jobs.get(id)))

    head = get

    async def patch(self, id: str) -> None:
        made = await self.node.jobs.made(id)
        self.require_key(made)
        change = parse_body(self.body(), Change)
        change.check()
        self.answer(body(await self.node.jobs.update(id, change)))


class JobCancel(KeyBearer):
    async def post(self, id: str) -> None:
        parse_body(self.optional_body(), _Nothing)
        made = await self.node.jobs.made(id)
        self._check_may_cancel(made)
        self.answer(body(await self.node.jobs.update(id, Change(state="cancelled"))))

    def _check_may_cancel(self, made: Made) -> None:
        if self.key is not None and secrets_equal(self.key, made.key) or made.new.cancellable == "anyone":
            return
        if self.user.id != made.user["id"] or not made.new.cancellable:
            raise ProtocolError("forbidden", "Only who made the job may cancel it, or the bearer of its key.")


class JobItems(KeyBearer):
    async def get(self, id: str) -> None:
        made = await self.node.jobs.made(id)
        parameters = self.parameters()
        after = _number(parameters, "after", -1, -1, 10**9)
        limit = min(_number(parameters, "limit", DEFAULT_ITEMS, 1, math.inf), MAX_ITEMS)
        wanted = parameters.get("ok", [""])[-1]
        if wanted not in ("", "true", "false"):
            raise ProtocolError("bad-request", "ok is true or false.", field="ok")
        if made.task is not None and (await self.node.jobs.get(id)).job.state == "cancelled":
            await self.node.runner.left(id)  # then all that was brought is there
        page = await self.node.items.page(id, after, limit, ANSWER_BYTES, ok={"": None, "true": True, "false": False}[wanted])
        self.set_header("Content-Type", "application/json")
        self.write(b'{"items":[%s],"more":%s}' % (b",".join(page.items), b"true" if page.more else b"false"))

    head = get


class _Nothing(msgspec.Struct):
    """A body that says nothing. Forms of other sites are kept out by their Origin and by the cookie, which is SameSite."""


def body(shown: Shown) -> dict[str, Any]:
    """A state as an answer carries it."""
    return {**msgspec.to_builtins(shown.job), "position": shown.position}


def _number(parameters: dict[str, list[str]], name: str, default: int, least: int, most: float) -> int:
    text = parameters.get(name, [""])[-1]
    if not text:
        return default
    number = int(text[:MAX_DIGITS]) if _NUMBER.fullmatch(text) else least - 1
    if not least <= number <= most:
        bounds = f"{least} to {most}" if most < math.inf else f"a number from {least} on"
        raise ProtocolError("bad-request", f"{name} is {bounds}.", field=name)
    return number
