"""`/chat/ROOM`: followed and written to by script; without it, what was said last, and forms to write and to take a name."""

import re

from handlers.base import encode
from handlers.form import Failed, Form, FormPage
from handlers.page import WIRED, _
from handlers.publishing import Publisher
from handlers.said import said, utc
from negotiation.identity import clean_name
from protocol.codes import ProtocolError, Refusal

ROOM = re.compile(r"(?!\.+$)[A-Za-z0-9._~-]{1,128}")  # the name part of a channel; ".." would be a step up in a link


class ChatPage(FormPage):
    section = "chat"
    styles = ("chat.css",)
    missing = (
        _("There is no page here"),
        _("The address may be mistyped. Room names are letters without accents, digits and . _ ~ - only."),
    )
    scripts = (*WIRED, "errors.js", "message-item.js", "timeline.js", "follow.js", "sending.js", "own-name.js", "chat.js")

    async def prepare(self) -> None:
        await super().prepare()
        if not ROOM.fullmatch(self.path_args[0]):
            raise ProtocolError("not-found")

    async def show_page(self, failed: Failed | None, room: str) -> None:
        channel = f"chat:{room}"
        seen = await said(self, channel, self.query("before"))
        form = failed.form if failed is not None else Form()
        self.show(
            "chat.html",
            room=room,
            channel=channel,
            said=seen,
            unread=self.reason(seen.trouble) if seen.trouble is not None else "",
            is_paged=bool(self.query("before")),
            utc=utc,
            once=self.once(form),
            typed=form.text("text"),
            typed_name=form.text("name") if "name" in form else self.user.name,
            refused=failed.reason if failed is not None and "name" not in form else "",
            refused_name=failed.reason if failed is not None and "name" in form else "",
        )

    async def take(self, form: Form, room: str) -> str:
        if "name" in form:
            self._rename(clean_name(form.text("name")))
            return self.link_here() + "#name"
        text = form.text("text")
        if not text.strip():
            raise ProtocolError("bad-request", field="text")
        id = self.made_once("line", form, room, text)
        await Publisher(self.node).publish(self.user, f"chat:{room}", id, encode({"text": text}))
        return self.link_here() + "#text"

    def _rename(self, name: str) -> None:
        if self.user.backend:
            raise ProtocolError("forbidden")
        if name == self.user.name:
            return
        self.node.publishes.take(self.user.id)
        self.keep_user(self.user._replace(name=name))
        self.node.rename(self.user)

    def reason(self, error: Refusal) -> str:
        if error.field == "text":
            return self.locale.translate(_("nothing was written"))
        if error.field == "name":
            return self.locale.translate(_("a name has 1 to 40 characters, and something to see"))
        return super().reason(error)
