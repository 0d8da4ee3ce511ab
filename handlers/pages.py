"""The pages: HTML that says something before any script runs, in the visitor's language."""

import re

from tornado.web import HTTPError, StaticFileHandler

from handlers.base import File
from handlers.chat_page import ROOM, ChatPage
from handlers.page import STATIC, WIRED, Page, load_translations
from handlers.progress_page import ImportForm, ProgressPage
from handlers.vote_pages import NewVotePage, VotePage
from protocol.codes import ProtocolError

SUGGESTED_ROOMS = ("lobby", "help", "random")


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
        (r"/progress/(import)", ImportForm),
        (r"/vote", NewVotePage),
        (r"/vote/([^/]+)", VotePage),
        (r"/static/(.*)", Static, {"path": str(STATIC)}),
    ]
