"""A visitor whose browser runs no script: pages are read as text, and forms sent as they stand in the HTML."""

import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


@dataclass
class FormOfPage:
    action: str
    method: str
    is_multipart: bool
    fields: list[tuple[str, str]] = field(default_factory=list)
    """As they are sent where nobody changes anything."""
    buttons: list[tuple[str, str]] = field(default_factory=list)


class PlainPage(HTMLParser):
    """`status`, `url`, `text` as a text browser shows it, `forms` by the name of their first field that can be filled in."""

    def __init__(self, url: str, status: int, headers: object, html: str):
        super().__init__()
        self.url, self.status, self.headers, self.html = url, status, headers, html
        self.forms: list[FormOfPage] = []
        self.links: dict[str, str] = {}
        self._words: list[str] = []
        self._skipping = 0
        self._form: FormOfPage | None = None
        self._link: str | None = None
        self._select = self._textarea = ""
        self.feed(html)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._words)).strip()

    def form(self, has: str) -> FormOfPage:
        """The first form with a field or button *has*, as `name` or `name=value`."""
        for form in self.forms:
            if any(has in (name, f"{name}={value}") for name, value in form.fields + form.buttons):
                return form
        raise AssertionError(f"no form has {has}: {self.forms}")

    def value(self, name: str) -> str:
        return dict(self.form(name).fields)[name]

    def link(self, text: str) -> str:
        return urllib.parse.urljoin(self.url, self.links[text])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in ("script", "style", "title"):
            self._skipping += 1
        elif tag == "a":
            self._link = found.get("href")
        elif tag == "form":
            self._form = FormOfPage(found["action"], found["method"], "multipart" in found.get("enctype", ""))
            self.forms.append(self._form)
        elif self._form is not None and "disabled" not in found:
            self._take_field(tag, found)

    def _take_field(self, tag: str, found: dict[str, str]) -> None:
        assert self._form is not None
        name, kind = found.get("name", ""), found.get("type", "text")
        if tag == "select":
            self._select = name
            self._form.fields.append((name, ""))
        elif tag == "option" and "selected" in found:
            self._form.fields[-1] = (self._select, found["value"])
        elif tag == "textarea":
            self._textarea = name
            self._form.fields.append((name, ""))
        elif tag == "button" and kind == "submit":
            self._form.buttons.append((name, found.get("value", "")))
        elif tag == "input" and name and (kind not in ("radio", "checkbox") or "checked" in found):
            self._form.fields.append((name, found.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._textarea and self._form is not None:
            self._form.fields[-1] = (self._textarea, data)
        if not self._skipping:
            self._words.append(data)
        if self._link is not None and data.strip():
            self.links[data.strip()] = self._link

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "title"):
            self._skipping -= 1
        elif tag == "form":
            self._form = None
        elif tag == "a":
            self._link = None
        elif tag == "textarea":
            self._textarea = ""


class PlainVisitor:
    def __init__(self, base: str, language: str = "en"):
        self.base = base
        self.language = language
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def open(self, path: str) -> PlainPage:
        return self._ask(urllib.parse.urljoin(self.base, path))

    def send(self, page: PlainPage, form: FormOfPage, press: str = "", **changed: object) -> PlainPage:
        """As a browser does with one of the form's buttons, *press*; a changed field may be a string, a list, or None for left out;
        of a file its name and bytes."""
        fields = [pair for pair in form.fields if pair[0] not in changed]
        files = {}
        for name, value in changed.items():
            if isinstance(value, tuple):
                files[name] = value
            elif value is not None:
                fields += [(name, each) for each in (value if isinstance(value, list) else [value])]
        if press:
            fields.append(next(pair for pair in form.buttons if press in (pair[0], "=".join(pair))))
        url = urllib.parse.urljoin(page.url, form.action)
        if form.is_multipart:
            return self._ask(url, *_multipart(fields, files))
        return self._ask(url, urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def _ask(self, url: str, data: bytes | None = None, kind: str = "", **headers: str) -> PlainPage:
        sent = {"Accept": HTML, "Accept-Language": self.language} | ({"Content-Type": kind} if kind else {}) | headers
        try:
            with self._opener.open(urllib.request.Request(url, data, sent), timeout=30) as answer:
                return PlainPage(answer.url, answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return PlainPage(error.url, error.code, error.headers, error.read().decode())


def _multipart(fields: list[tuple[str, str]], files: dict[str, tuple[str, bytes]]) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields]
    for name, (filename, content) in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: text/csv\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
