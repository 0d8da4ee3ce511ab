"""Why a wire is used or not, as clients report it: one table of codes, for reports, the panel, the operator's page and the documents."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from negotiation.transports import TRANSPORTS

OTHER = "other"
"""What a name counts as that isn't ours, so that nobody can make up names to be stored."""


class Verdict(NamedTuple):
    words: str
    """Said after the transport's name; locale/ has them in other languages."""
    is_fault: bool = False
    """True where the network stood in the way, so that it is a reason on the operator's page."""
    field: str = ""
    """Of an attempt: the milliseconds that belong to this verdict, where a client knows them."""
    measured: str = ""
    """The words with these, as {time}."""


VERDICTS: dict[str, Verdict] = {
    "ok": Verdict("works", field="cutMs", measured="works, by requests that end before they are cut off after {time}"),
    "usable": Verdict("has answered"),
    "slower": Verdict("works, but another one answered first"),
    "superseded": Verdict("gave way to a better one"),
    "blocked": Verdict("blocked on the way", is_fault=True),
    "swallowed": Verdict("no answer at all", is_fault=True),
    "silent": Verdict("opened, but nothing more came through", is_fault=True),
    "flapping": Verdict("broke again and again soon after it had opened", is_fault=True),
    "refused": Verdict("refused by something in between", is_fault=True),
    "buffered": Verdict("held back by something in between", is_fault=True),
    "one-behind": Verdict("each event is held back until the next one comes", is_fault=True),
    "delayed": Verdict("events come late", is_fault=True, field="delayMs", measured="events come {time} late"),
    "cut": Verdict("cut off on the way", is_fault=True, field="cutMs", measured="cut off on the way after {time}"),
    "captive-portal": Verdict("a login page of the network answered instead", is_fault=True),
    "offline": Verdict("nothing gets through to the server"),
    "draining": Verdict("the server is restarting"),
    "overloaded": Verdict("the server is busy"),
    "unsupported": Verdict("this browser doesn’t have it"),
    "disabled": Verdict("the operator has turned it off"),
    "forbidden": Verdict("the server doesn’t allow it"),
    "too-long": Verdict("more rooms at once than its address can name"),
    "closed": Verdict("closed"),
    "lost": Verdict("the connection was lost"),
}


def panel_words(translate: Callable[[str], str]) -> dict[str, list[str]]:
    """What the panel says of each code: its words and, where a time may belong to it, that one's field and the words with it."""
    return {
        code: [translate(verdict.words), *([verdict.field, translate(verdict.measured)] if verdict.field else [])]
        for code, verdict in VERDICTS.items()
    }


def named(attempts: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Transport and code of the *attempts* in a report, each pair once, so that a client that tries for hours weighs no more
    than one that tries once; without those that are still under way."""
    found = set()
    for transport, verdict in attempts:
        if verdict:
            code = verdict.removeprefix(f"{transport}.")  # clients say "websocket.swallowed"
            known = transport in TRANSPORTS and code in VERDICTS
            found.add((transport if transport in TRANSPORTS else OTHER, code if known else OTHER))
    return found
