"""What all pages share: language, headers, relative links, readable errors.

Every URL in a page is relative to it, so the site may live below any path prefix; `base` is the way up to its root.
A page holds no inline script or style: what scripts need lies in JSON data blocks, which the policy below lets be.
"""

import functools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import tornado.locale
from tornado.web import StaticFileHandler

from handlers.base import Base
from protocol.codes import Refusal

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
SCRIPTS = STATIC / "js" / "pages"

WIRED = ("dom.js", "i18n.js", "copy.js", "clock.js", "transport-panel.js")
"""Of every page that follows something."""

LANGUAGES = {"en": "English", "zh": "中文"}
LANGUAGE_COOKIE = "anywire_lang"

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?(?::[0-9]{1,5})?")

# Strings for scripts are found where they are used, t('…') with single quotes, so no list of them can go stale.
SCRIPT_STRING = re.compile(r"\bt\('((?:[^'\\\n]|\\.)+)'")


def load_translations() -> None:
    """English is the source and needs no file; a string missing from another language is shown in English."""
    tornado.locale.load_translations(str(ROOT / "locale"))
    tornado.locale.set_default_locale("en")


def data_block(value: object) -> str:
    """*value* as JSON for a <script> data block: pure ASCII, and nothing in it can end the block or open a comment."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def content_security_policy(hosts: tuple[str, ...]) -> str:
    # WebKit before 15.4 doesn't count ws: under 'self', so the site's hosts are named. They come from the client or a
    # proxy: only a plain host[:port] may enter the header.
    sockets = "".join(f" ws://{host} wss://{host}" for host in hosts if HOST.fullmatch(host))
    return (
        f"default-src 'self'; connect-src 'self'{sockets}; frame-ancestors 'self'; base-uri 'none'; form-action 'self'; object-src 'none'"
    )


@functools.cache
def script_strings(names: tuple[str, ...]) -> tuple[str, ...]:
    """The English strings that the page scripts *names* may show, each once, in the order found."""
    found: dict[str, None] = {}
    for name in names:
        for text in SCRIPT_STRING.findall((SCRIPTS / name).read_text(encoding="utf-8")):
            found[text.replace("\\'", "'").replace("\\\\", "\\")] = None
    return tuple(found)


def _(text: str) -> str:
    """Marks a string for translation where the language isn't known yet."""
    return text


ERRORS = {
    400: (_("This request could not be understood"), _("Something in the address is not as it should be.")),
    403: (_("Not allowed"), _("This page may not be opened from where you came from, or not by you.")),
    404: (_("There is no page here"), _("The address may be mistyped, or cut off where it was copied.")),
    405: (_("Not this way"), _("This page can be read, but nothing can be sent to it.")),
    413: (_("Too large"), _("What was sent is larger than this page takes.")),
    429: (_("Too many requests"), _("Please wait a moment and try again.")),
    500: (_("Something went wrong here"), _("The fault is ours and has been noted. Please try again in a moment.")),
    503: (_("Not ready just now"), _("The server is starting, stopping or waiting for its database. Please try again.")),
}


class Page(Base):
    section = ""
    """Which link of the navigation leads here."""
    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    """Beside the one of all pages."""
    kept = ("transport",)
    """Parameters that links to this page itself keep: a forced transport stays forced."""
    is_for_people = True
    """False for addresses that programs ask for, too: these get JSON unless they name HTML."""
    missing = ERRORS[404]
    """What is said of an address that names nothing."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        outside = getattr(self, "outside", None)  # known once prepare() has run, which sets these once more
        hosts = outside.hosts if outside else (self.request.host or "",)
        self.set_header("Content-Security-Policy", content_security_policy(hosts))
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "private, no-cache")  # no-store would keep them out of the back-forward cache

    def set_cookie(self, name: str, value: str | bytes, *arguments: Any, **attributes: Any) -> None:
        """Also Tornado's own, of the forms' token: for this site alone, and by https alone where the visitor came by it."""
        narrow = {"httponly": True, "samesite": "Lax", "secure": hasattr(self, "outside") and self.outside.scheme == "https"}
        super().set_cookie(name, value, *arguments, **narrow | attributes)

    async def head(self, *arguments: str) -> None:
        await self.get(*arguments)  # Tornado leaves the body out

    @property
    def base(self) -> str:
        """The way from this page up to the site's root: "./", "../", …"""
        return "../" * (self.request.path.count("/") - 1) or "./"

    def static_url(self, path: str, include_host: bool | None = None, **kwargs: object) -> str:
        """Relative to the page, where Tornado's own begins at the server's root."""
        version = StaticFileHandler.get_version({"static_path": str(STATIC)}, path)
        return f"{self.base}static/{path}?v={version[:12]}" if version else f"{self.base}static/{path}"

    # Read raw, so that an undecodable value can't fail once more while its own error page is written.
    def query(self, name: str) -> str:
        return (self.request.query_arguments.get(name) or [b""])[-1].decode("utf-8", "replace")

    def link_here(self, **changed: str) -> str:
        """To this page with other parameters; an empty one is left out."""
        parameters = changed | {name: self.query(name) for name in self.kept if name not in changed}
        return "?" + urlencode({name: value for name, value in parameters.items() if value})

    def get_user_locale(self) -> tornado.locale.Locale | None:
        for wanted in (self.query("lang"), self.get_cookie(LANGUAGE_COOKIE)):
            if wanted in LANGUAGES:
                return tornado.locale.get(wanted)
        return None

    def get_browser_locale(self, default: str = "en") -> tornado.locale.Locale:
        # Tornado passes over tags of three parts, such as zh-Hans-CN; here the language alone decides.
        if header := self.request.headers.get("Accept-Language"):
            self.request.headers["Accept-Language"] = re.sub(r"(?<=[A-Za-z])-[A-Za-z0-9-]+", "", header)
        return super().get_browser_locale(default)

    def remember_language(self) -> None:
        if (wanted := self.query("lang")) in LANGUAGES:
            self.set_cookie(LANGUAGE_COOKIE, wanted, expires_days=365)

    def language_links(self) -> list[tuple[str, str, str]]:
        """(code, name, link) of the languages that this page is not in."""
        return [(code, name, self.link_here(lang=code)) for code, name in LANGUAGES.items() if code != self.locale.code]

    def get_template_path(self) -> str:
        return str(ROOT / "templates")

    def get_template_namespace(self) -> dict:
        return super().get_template_namespace() | {
            "base": self.base,
            "language": self.locale.code,
            "language_links": self.language_links(),
            "link_here": self.link_here,
            "section": self.section,
            "scripts": self.scripts,
            "styles": self.styles,
            "data_block": data_block,
        }

    def show(self, template: str, **values: object) -> None:
        """Render a page that runs scripts: the offer and the strings in the visitor's language go along."""
        self.remember_language()
        self.keep_user(self.user)  # for another 400 days
        translated = {text: self.locale.translate(text) for text in script_strings(self.scripts)}
        strings = {text: there for text, there in translated.items() if there != text}
        self.render(template, offer=self.offer(), strings=strings, **values)

    def refuse(self, error: Refusal) -> None:
        """A readable page for who can read it, the JSON of the API for everybody else."""
        if not self._wants_html():
            super().refuse(error)
            return
        self.remember_language()
        self.set_status(error.status)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        title, advice = (ERRORS | {404: self.missing}).get(error.status) or ERRORS[500 if error.status >= 500 else 400]
        translate = self.locale.translate
        self.finish(self.render_string("error.html", scripts=(), status=error.status, title=translate(title), advice=translate(advice)))

    def _wants_html(self) -> bool:
        """Old and small browsers say only that they take anything, so do programs; the address tells who is more likely."""
        accepted = self.request.headers.get("Accept", "")
        return "text/html" in accepted or ("*/*" in accepted and "json" not in accepted and self.is_for_people)
