"""Pages whose forms work with no script at all.

A form is posted to its page's own address and carries Tornado's XSRF token. What it did is answered by 303, so a reload sends
nothing twice; what is refused is answered by the same page, which says why and keeps what was typed.
"""

import math
import secrets
from typing import NamedTuple
from urllib.parse import parse_qs

import tornado.web

from handlers.page import Page, _
from protocol.codes import ProtocolError, Refusal, Unavailable

MAX_FORM_BYTES = 256 * 1024
"""The longest message, where each of its bytes takes three."""
MAX_FIELDS = 100

REASONS = {
    "bad-xsrf": _("this page was open for too long, or the browser keeps no cookies. Send it once more"),
    "too-large": _("it is too long"),
    "rate-limited": _("too much in too short a time"),
    "forbidden": _("this is not allowed here"),
    "unavailable": _("the server cannot reach its database"),
    "draining": _("the server is restarting"),
    "not-found": _("there is no such thing here, or not any more"),
    "job-ended": _("it has ended already"),
    "vote-closed": _("the vote is closed"),
    "too-many-tasks": _("too many tasks are running just now"),
    "too-many-connections": _("too many connections are open from your network"),
    "bad-media-type": _("this kind of file is not understood here"),
}
"""Why something was refused, by its code; of any other the server's own words are shown."""


class Form:
    """What was sent: the values of each field."""

    def __init__(self, fields: dict[str, list[str]] | None = None):
        self._fields = fields or {}

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        return self._fields.get(name, [""])[-1]

    def all(self, name: str) -> list[str]:
        return self._fields.get(name, [])


class Failed(NamedTuple):
    """A form that was refused: what it said, why it was refused, and that in the visitor's words."""

    form: Form
    error: Refusal
    reason: str


class FormPage(Page):
    max_body_bytes = MAX_FORM_BYTES

    async def get(self, *arguments: str) -> None:
        await self.show_page(None, *arguments)

    async def post(self, *arguments: str) -> None:
        form = Form()
        try:
            form = self.read_form()
            self.check_token(form.text("_xsrf"))
            if self.node.draining:
                raise Unavailable(code="draining")
            there = await self.take(form, *arguments)
        except Refusal as error:
            await self.show_failed(form, error, *arguments)
            return
        if there is not None:
            self.redirect(there, status=303)

    async def show_page(self, failed: Failed | None, *arguments: str) -> None:
        """Answers with the page, as it is after *failed*."""
        raise NotImplementedError

    async def take(self, form: Form, *arguments: str) -> str | None:
        """Does what *form* asks for; returns the link to what came of it, or None where that is answered. Raises ProtocolError,
        Unavailable."""
        raise NotImplementedError

    async def show_failed(self, form: Form, error: Refusal, *arguments: str) -> None:
        self.note_refusal(error)
        await self.show_page(Failed(form, error, self.reason(error)), *arguments)

    def reason(self, error: Refusal) -> str:
        return self.locale.translate(REASONS.get(error.code, error.message))

    def note_refusal(self, error: Refusal) -> None:
        self.set_status(error.status)
        if error.retry_after_s is not None:
            self.set_header("Retry-After", str(max(1, math.ceil(error.retry_after_s))))
        self.node.metrics.refused.labels(error.code).inc()

    def read_form(self) -> Form:
        """Raises ProtocolError."""
        body = self.body("application/x-www-form-urlencoded")
        try:
            return Form(parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
        except ValueError as error:
            raise ProtocolError("bad-request", "The form is not UTF-8, or has too many fields.") from error

    def check_token(self, token: str) -> None:
        """Raises ProtocolError bad-xsrf unless *token* belongs to the browser's cookie."""
        self.request.arguments["_xsrf"] = [token.encode()]  # where Tornado looks for it: bodies here are read by ourselves
        try:
            tornado.web.RequestHandler.check_xsrf_cookie(self)
        except tornado.web.HTTPError as error:
            raise ProtocolError("bad-xsrf") from error

    def get_template_namespace(self) -> dict:
        return super().get_template_namespace() | {"link_fresh": self.link_fresh}

    def link_fresh(self, **changed: str) -> str:
        """To this page, loaded anew: small browsers take a link to the address that they show for one to its beginning."""
        return self.link_here(**changed, _=secrets.token_hex(4))

    @staticmethod
    def once(form: Form | None = None) -> str:
        """For the hidden field that makes one of however often a form is sent: the same as in *form*, which was refused and comes
        back, since what is refused because the log is away may have been stored all the same."""
        return (form.text("once") if form is not None else "") or secrets.token_urlsafe(16)

    def made_once(self, kind: str, form: Form, *typed: str) -> str | None:
        """The id of what *form* makes: the same for the same form and what was *typed*, so that a form which a browser went back
        to makes something new of new words, and only of them."""
        once = form.text("once")
        return self.node.identity.unguessable(kind, self.user, "\n".join((once, *typed))) if once else None
