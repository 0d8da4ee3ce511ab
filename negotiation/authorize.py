"""Who may do what: one function decides."""

from typing import Literal

from negotiation.identity import User
from protocol.codes import ProtocolError

Action = Literal["read", "write"]

BY_ENDPOINT = ("job", "vote")
"""Kinds that are written by endpoints of their own, and that exist only where one of those made them."""


def authorize(user: User, action: Action, channel: str) -> None:
    """Returns if *user* may do that, else raises ProtocolError forbidden. *channel* is well formed.

    Who knows the id of a job may read it; whether it exists is not asked here.
    """
    kind, _, name = channel.partition(":")
    if action == "write" and kind in BY_ENDPOINT:
        raise ProtocolError("forbidden", f"{channel} is written by its own endpoints.")
    if action == "read":
        allowed = {"room": user.backend, "user": user.backend or user.id == name}.get(kind, True)
    else:
        allowed = user.backend or kind == "chat"
    if not allowed:
        raise ProtocolError("forbidden", f"You may not {action} {channel}.")


def authorize_ballot(user: User, channel: str, voters: Literal["signed-in"] | None) -> None:
    """Returns if *user* may vote where *voters* may, else raises ProtocolError forbidden."""
    if user.backend:
        raise ProtocolError("forbidden", f"The API key has no ballot in {channel}: it is no visitor.")
    if voters == "signed-in" and not user.signed_in:
        raise ProtocolError("forbidden", f"In {channel} only users vote whom their site has signed in.")


def authorize_close(user: User, channel: str, creator: str) -> None:
    """Returns if *user* may close the vote that *creator* made, else raises ProtocolError forbidden."""
    if not user.backend and user.id != creator:
        raise ProtocolError("forbidden", f"Only who made {channel} may close it, or the API key.")
