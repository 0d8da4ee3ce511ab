"""The pages: HTML that says something before any script runs, in the visitor's language."""

import re

from tornado.web import HTTPError, StaticFileHandler

from handlers.base import File
from handlers.chat_page import ROOM, ChatPage
from handlers.jobs import body
from handlers.page import STATIC, WIRED, Page, _, load_translations
from handlers.upload import MAX_FILE_BYTES
from handlers.vote_pages import NewVotePage, VotePage
from protocol.codes import ProtocolError
from tasks.importing import MAX_ROWS

SUGGESTED_ROOMS = ("lobby", "help", "random")

STATES = {"running": _("running"), "stalled": _("stalled"), "done": _("done"), "failed": _("failed"), "cancelled": _("cancelled")}


class Index(Page):
    """`/`: what this is; `?room=NAME`, from the form that works without script, goes on to that room."""

    scripts = (*WIRED, "index.js")

    async def get(self) -> None:
        room = self.query("room").strip()
        name = re.sub(r"\s+", "-", room).lstrip("#")
        if room and ROOM.fullmatch(name):
            self.redirect(f"chat/{name}", status=303)
            return
        if room:
            self.set_status(400)
        self.show("index.html", rooms=SUGGESTED_ROOMS, refused=room)


class ProgressPage(Page):
    """`/progress`: starts an import and lists the visitor's jobs; `?job=ID` shows one, to whoever has the link."""

    section = "progress"
    styles = ("parts.css", "progress.css")
    kept = ("job", "transport")
    scripts = (
        *WIRED,
        "errors.js",
        "numbers.js",
        "sentences.js",
        "ask.js",
        "address.js",
        "file-head.js",
        "drop-zone.js",
        "upload.js",
        "sender.js",
        "job-words.js",
        "job-bar.js",
        "job-view.js",
        "job-rows.js",
        "count-by.js",
        "job-list.js",
        "progress.js",
    )

    async def get(self) -> None:
        id, job, is_mine = self.query("job"), None, False
        if id:
            try:
                made, shown = await self.node.jobs.made(id), await self.node.jobs.get(id)
                job, is_mine = body(shown), made.user["id"] == self.user.id
            except ProtocolError as error:
                self.set_status(error.status)
        self.show("progress.html", asked=id, job=job, is_mine=is_mine, states=STATES, max_bytes=MAX_FILE_BYTES, max_rows=MAX_ROWS)


class NotFound(Page):
    """Every address that nothing else answers."""

    needs_user = False
    is_for_people = False

    async def prepare(self) -> None:
        await super().prepare()
        raise ProtocolError("not-found")


class Static(File, StaticFileHandler):
    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        if "\0" in absolute_path:  # which no file system takes
            raise HTTPError(404)
        return super().validate_absolute_path(root, absolute_path)


def routes() -> list:
    """The pages and their files; `NotFound` is for the application's `default_handler_class`."""
    load_translations()
    return [
        (r"/", Index),
        (r"/chat/([^/]*)", ChatPage),
        (r"/progress", ProgressPage),
        (r"/vote", NewVotePage),
        (r"/vote/([^/]+)", VotePage),
        (r"/static/(.*)", Static, {"path": str(STATIC)}),
    ]
