"""A vote: what it may ask, what a ballot may choose, and how a change of ballots moves the tally. Pure.

Invariant: the tally is that of the ballots. A ballot is set, never added, and moves the tally by its difference from the
one that it replaces; so the same ballot again moves nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from protocol.codes import ProtocolError

MAX_QUESTION_CHARS = 500
MAX_CHOICE_CHARS = 200
MIN_CHOICES = 2
MAX_CHOICES = 20
MAX_OPEN_MS = 366 * 86_400_000
"""A year, whichever."""


class NewVote(msgspec.Struct):
    """`POST /v1/votes`."""

    question: str
    choices: list[str]
    multiple: bool = False
    closes: int | float | None = None
    """When it closes by itself, ms since 1970 UTC."""
    voters: Literal["signed-in"] | None = None
    """Whose ballots count: anybody's, or only those of users whom the site itself has signed in."""
    id: str | None = None

    def check(self) -> None:
        """Raises ProtocolError. Whether `closes` lies ahead is left to `check_closes`: a vote that was made may be asked for again."""
        self.closes = self.closes and round(self.closes)
        _check_text(self.question, "question", "A question", MAX_QUESTION_CHARS)
        if not MIN_CHOICES <= len(self.choices) <= MAX_CHOICES:
            raise ProtocolError("bad-request", f"A vote has {MIN_CHOICES} to {MAX_CHOICES} choices.", field="choices")
        for choice in self.choices:
            _check_text(choice, "choices", "A choice", MAX_CHOICE_CHARS)
        if len({_as_read(choice) for choice in self.choices}) < len(self.choices):
            raise ProtocolError("bad-request", "Two choices read the same.", field="choices")

    def check_closes(self, now_ms: int) -> None:
        """Raises ProtocolError."""
        if self.closes is not None and not now_ms < self.closes <= now_ms + MAX_OPEN_MS:
            raise ProtocolError("bad-request", "closes is a time within the next year, in ms since 1970 UTC.", field="closes")

    def check_ballot(self, choices: list[int]) -> list[int]:
        """*choices* in order, if a ballot may hold them; none withdraw the ballot. Raises ProtocolError."""
        if len(choices) > 1 and not self.multiple:
            raise ProtocolError("bad-request", "This vote takes one choice.", field="choices")
        if not all(0 <= choice < len(self.choices) for choice in choices):
            raise ProtocolError("bad-request", f"A choice is 0 to {len(self.choices) - 1}.", field="choices")
        if len(set(choices)) < len(choices):
            raise ProtocolError("bad-request", "A choice is named twice.", field="choices")
        return sorted(choices)


class Ballot(msgspec.Struct):
    """`PUT /v1/votes/ID/ballot`."""

    choices: list[int]


class Vote(msgspec.Struct, frozen=True):
    """How a vote stands, as its channel shows it."""

    id: str
    question: str
    choices: list[str]
    multiple: bool
    tally: list[int]
    voters: int
    """How many ballots choose something."""
    open: bool
    closes: int | None
    signed_in: bool
    """True where only users whom the site has signed in may vote."""

    @classmethod
    def of(cls, id: str, new: NewVote, tally: list[int], voters: int, open: bool) -> Vote:
        return cls(
            id,
            new.question,
            new.choices,
            new.multiple,
            tally,
            voters,
            open,
            None if new.closes is None else int(new.closes),
            new.voters == "signed-in",
        )


class Move(NamedTuple):
    """What ballots that change add to the tally, by choice, and to the number of voters."""

    tally: dict[int, int]
    voters: int


def move(before: Mapping[str, list[int]], after: Mapping[str, list[int]]) -> Move:
    """*before* and *after* map users to the choices of their ballots; who isn't in *after* changes nothing."""
    tally: dict[int, int] = {}
    voters = 0
    for user, choices in after.items():
        old = before.get(user, [])
        voters += bool(choices) - bool(old)
        for choice in choices:
            tally[choice] = tally.get(choice, 0) + 1
        for choice in old:
            tally[choice] = tally.get(choice, 0) - 1
    return Move({choice: by for choice, by in tally.items() if by}, voters)


def _check_text(text: str, field: str, what: str, most: int) -> None:
    if not text.strip() or len(text) > most:
        raise ProtocolError("bad-request", f"{what} has 1 to {most} characters, and something to read.", field=field)


def _as_read(text: str) -> str:
    """The same for texts that nobody could tell apart on a page."""
    return " ".join(unicodedata.normalize("NFC", text).split())
