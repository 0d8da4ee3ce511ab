"""`/vote` asks for a question and its choices; `/vote/ID` shows how the vote stands, takes ballots, and lets its creator close it."""

import datetime
import re
from typing import NamedTuple

import msgspec

from handlers.form import Failed, Form, FormPage
from handlers.node import now_ms
from handlers.page import WIRED, _
from handlers.said import utc
from negotiation.authorize import authorize_ballot, authorize_close
from protocol.codes import ProtocolError, Refusal
from protocol.tally import MAX_CHOICE_CHARS, MAX_CHOICES, MAX_QUESTION_CHARS, MIN_CHOICES, NewVote
from store.vote_log import channel_of

FIELDS = 6
"""For choices, where no script adds one when it is needed."""
MORE_FIELDS = 4
CLOSING_S = ("300", "3600", "86400", "604800")
"""That a vote may be open, as the form offers it."""

FAULTS = {
    "question": _("What is the question?"),
    "too-few": _("There have to be two choices at least."),
    "choices": _("Two of the choices say the same."),
    "closes": _("The closing time has to lie ahead, within a year."),
}
"""What may be wrong with a question, by field."""


class Choice(NamedTuple):
    """A field of the form."""

    text: str
    is_spare: bool
    """True where a script would make it on demand."""


class NewVotePage(FormPage):
    section = "vote"
    styles = ("parts.css", "vote.css")
    scripts = ("dom.js", "i18n.js", "errors.js", "clock.js", "ask.js", "choice-fields.js", "closing-time.js", "new-vote.js")

    async def show_page(self, failed: Failed | None) -> None:
        form = failed.form if failed is not None else Form()
        self._show(form, {failed.error.field or "": failed.reason} if failed is not None else {})

    def _show(self, form: Form, refused: dict[str, str]) -> None:
        limits = {"question": MAX_QUESTION_CHARS, "choice": MAX_CHOICE_CHARS, "least": MIN_CHOICES, "most": MAX_CHOICES}
        self.show("new-vote.html", limits=limits, form=form, choices=_fields(form), refused=refused, once=self.once(form))

    async def take(self, form: Form) -> str | None:
        if "more" in form:
            self._show(form, {})
            return None
        new = NewVote(
            " ".join(form.text("question").split()),
            _choices(form),
            multiple="multiple" in form,
            closes=_closes(form),
        )
        _check(new)
        id = self.made_once("vote", form, new.question, *new.choices, str(new.multiple), form.text("closing"), form.text("closing-time"))
        if id is None:
            id = self.node.identity.unguessable("vote", self.user, None)
        if not self.user.backend:
            self.node.starts.take(self.user.id)
        try:
            await self.node.votes.create(id, self.user.public(), new)
        except ProtocolError as error:
            if error.code != "id-reused":  # the same form once more, a moment later: "in an hour" is another time then
                raise
        return f"{self.base}vote/{id}{self.link_here().rstrip('?')}"

    def reason(self, error: Refusal) -> str:
        return self.locale.translate(FAULTS[error.field]) if error.field in FAULTS else super().reason(error)


class VotePage(FormPage):
    section = "vote"
    styles = ("parts.css", "vote.css")
    missing = (_("There is no such vote"), _("The link may be cut off where it was copied. Or ask something yourself."))
    scripts = (*WIRED, "errors.js", "numbers.js", "ask.js", "tally.js", "ballot.js", "vote.js")

    async def show_page(self, failed: Failed | None, id: str) -> None:
        standing, mine = await self.node.votes.seen_by(id, self.user.id)
        vote = standing.vote
        self.show(
            "vote.html",
            vote=vote,
            known={**msgspec.to_builtins(vote), "position": str(standing.position), "mine": mine},
            mine=mine,
            is_creator=standing.creator["id"] == self.user.id,
            may_vote=self.user.signed_in or not vote.signed_in,
            refused=failed.reason if failed is not None else "",
            closes=utc(vote.closes).strftime("%Y-%m-%d %H:%M UTC") if vote.closes is not None else "",
        )

    async def take(self, form: Form, id: str) -> str:
        standing = await self.node.votes.get(id)
        if form.text("do") == "close":
            authorize_close(self.user, channel_of(id), standing.creator["id"])
            await self.node.votes.end(id)
            return self.link_here()
        chosen = form.all("choices") if form.text("do") != "withdraw" else []
        if not chosen and form.text("do") != "withdraw" and not standing.new.multiple:
            raise ProtocolError("bad-request", field="choice")
        authorize_ballot(self.user, channel_of(id), standing.new.voters)
        choices = standing.new.check_ballot([int(text) if re.fullmatch("[0-9]{1,3}", text) else -1 for text in chosen])
        self.node.publishes.take(self.user.id)
        await self.node.votes.cast(id, self.user.id, choices)
        return self.link_here()

    def reason(self, error: Refusal) -> str:
        return self.locale.translate(_("nothing was chosen")) if error.field == "choice" else super().reason(error)


def _check(new: NewVote) -> None:
    """Raises ProtocolError, with a field that FAULTS explains."""
    if len(new.question) > MAX_QUESTION_CHARS or any(len(choice) > MAX_CHOICE_CHARS for choice in new.choices):
        raise ProtocolError("too-large")
    if new.question and len(new.choices) < MIN_CHOICES:
        raise ProtocolError("bad-request", field="too-few")
    new.check()
    new.check_closes(now_ms())


def _choices(form: Form) -> list[str]:
    return [text for choice in form.all("choices") if (text := choice.strip())]


def _fields(form: Form) -> list[Choice]:
    filled = _choices(form)
    least = max(MIN_CHOICES, len(filled))
    most = min(MAX_CHOICES, max(FIELDS, len(form.all("choices"))) + (MORE_FIELDS if "more" in form else 0))
    return [Choice(filled[i] if i < len(filled) else "", i >= least) for i in range(max(least, most))]


def _closes(form: Form) -> int | None:
    """In ms since 1970. Raises ProtocolError."""
    closing = form.text("closing")
    if not closing:
        return None
    if closing in CLOSING_S:
        return now_ms() + int(closing) * 1000
    try:
        at = datetime.datetime.fromisoformat(form.text("closing-time").strip())
        return round(at.replace(tzinfo=datetime.UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ProtocolError("bad-request", field="closes") from error
