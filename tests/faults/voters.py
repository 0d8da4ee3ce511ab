"""Voters with a page each, over any of the four wires: they vote until it is acknowledged, and trust nothing that they are shown."""

import asyncio
import json
import random
import secrets
from collections.abc import Callable
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest

from tests.faults.clients import BROKEN, REQUEST_S, Violation, Visitor

COME_AGAIN = (429, 503, 599)


class Voter:
    """Follows the vote over one wire, from where its page stands, and comes back whenever that breaks."""

    def __init__(self, url: Callable[[], str], vote: str, wire: str, chance: random.Random):
        """*url* says which server to turn to, each time anew."""
        self.visitor = Visitor(url())
        self.vote = vote
        self.wire = wire
        self._url = url
        self._chance = chance
        self.shown: dict[str, Any] = {}
        """The newest state that the page was given, by an event or an answer."""
        self.position = ""
        self.choices: list[int] = []
        """Of its last ballot that was acknowledged."""
        self.acknowledged = 0
        self.tries = 0
        self.waits_s: list[float] = []
        """How long each acknowledged request took, without those that failed before it."""

    @property
    def offset(self) -> int:
        return int(self.position.partition("-")[2] or 0)

    # the page

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._attach()
            except (*BROKEN, HTTPClientError) as error:
                if isinstance(error, HTTPClientError) and error.code not in COME_AGAIN:
                    raise Violation(f"{self.wire}: {error}") from error
            await asyncio.sleep(self._chance.uniform(0.02, 0.2))

    async def _attach(self) -> None:
        self.visitor.url = self._url()
        channel = f"vote:{self.vote}"
        after = self.offset
        sub = f"{channel}@{self.position}" if self.position else channel
        async for event in self.visitor.events(self.wire, {"sub": sub, "_": secrets.token_hex(4), "ids": "0"}):
            if event["type"] == "state":
                if event["offset"] <= after or "mine" in event["data"]:
                    raise Violation(f"{self.wire}: {event} after {after}")
                after = event["offset"]
                self._show(event["position"], event["data"])
            elif event["type"] == "subscribed" and not event["recovered"]:
                raise Violation(f"{self.wire}: {event} at {self.position}")
            elif event["type"] == "error" and event["code"] not in ("unavailable", "draining"):
                raise Violation(f"{self.wire}: {event}")

    def _show(self, position: str, state: dict[str, Any]) -> None:
        if int(position.partition("-")[2]) > self.offset:
            self.position, self.shown = position, state

    # the ballots

    async def cast(self, choices: list[int]) -> None:
        """Sends it until it is acknowledged."""
        while True:
            self.tries += 1
            before, began_s = self.offset, asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(self._chance.uniform(1, 8)):
                    answer = await self.ask("PUT", f"votes/{self.vote}/ballot", {"choices": choices})
                break
            except (*BROKEN, HTTPClientError) as error:
                if isinstance(error, HTTPClientError) and error.code not in COME_AGAIN:
                    raise Violation(f"ballot: {error} {error.response and error.response.body}") from error
                await asyncio.sleep(self._chance.uniform(0.02, 0.3))
        self.waits_s.append(asyncio.get_running_loop().time() - began_s)
        position, mine = answer.pop("position"), answer.pop("mine")
        if mine != choices or any(not answer["tally"][choice] for choice in choices):
            raise Violation(f"{choices} was answered by {mine}, {answer}")
        if int(position.partition("-")[2]) < before:
            raise Violation(f"a ballot was counted at {position}, and {before} was shown before it was sent")
        self._show(position, answer)
        self.choices = choices
        self.acknowledged += 1

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Raises HTTPClientError with the server's answer, or one of BROKEN."""
        request = HTTPRequest(
            f"{self._url()}/v1/{path}",
            method=method,
            headers=self.visitor.headers(**{"Content-Type": "application/json"}),
            body=None if body is None else json.dumps(body),
            request_timeout=REQUEST_S,
            connect_timeout=2,
        )
        response = await self.visitor.http.fetch(request)
        self.visitor.keep_cookie(response.headers)
        return json.loads(response.body)


def tally_of(voters: list[Voter], choices: int) -> list[int]:
    return [sum(choice in voter.choices for voter in voters) for choice in range(choices)]
