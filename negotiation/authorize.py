"""Who may do what: one function decides."""

from typing import Literal

from negotiation.identity import User
from protocol.codes import ProtocolError

Action = Literal["read", "write"]

_BY_ENDPOINT = ("job", "vote")
"""Kinds that are written by endpoints of their own, and that exist only where one of those made them."""


def authorize(user: User, action: Action, channel: str) -> None:
    """Returns if *user* may do that, else raises ProtocolError forbidden or not-found. *channel* is well formed."""
    kind, _, name = channel.partition(":")
    if kind in _BY_ENDPOINT:
        raise ProtocolError("not-found" if action == "read" else "forbidden", f"There is no {channel}.")
    if action == "read":
        allowed = {"room": user.backend, "user": user.backend or user.id == name}.get(kind, True)
    else:
        allowed = user.backend or kind == "chat"
    if not allowed:
        raise ProtocolError("forbidden", f"You may not {action} {channel}.")
