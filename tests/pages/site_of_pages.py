"""The pages alone, on a free port, with a made-up node behind them: no database, no wires."""

import json
from html.parser import HTMLParser
from types import SimpleNamespace

from tornado.httpclient import HTTPResponse
from tornado.testing import AsyncHTTPTestCase
from tornado.web import Application

from handlers import pages
from handlers.metrics import Metrics
from negotiation import origin
from negotiation.identity import Identity
from protocol.codes import Unavailable
from settings import Settings

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


async def away(user: str) -> None:
    raise Unavailable()


class PagesCase(AsyncHTTPTestCase):
    def get_app(self) -> Application:
        trusted = origin.networks(("127.0.0.0/8",))
        log = SimpleNamespace(refusing="There is no log behind these pages.")
        node = SimpleNamespace(
            settings=Settings(_cli_parse_args=[]),
            identity=Identity(b"s" * 32),
            network=lambda address: "n_123456789012",
            trusted=trusted,
            metrics=Metrics(),
            log=log,
            jobs=SimpleNamespace(of_user=away),
            admit=lambda address: None,
            draining=False,
        )
        return Application(pages.routes(), default_handler_class=pages.NotFound, node=node)

    def get(self, path: str, language: str | None = None, **headers: str) -> HTTPResponse:
        sent = {"Accept": HTML} | {name.replace("_", "-"): value for name, value in headers.items()}
        if language:
            sent["Accept-Language"] = language
        return self.fetch(path, headers=sent, follow_redirects=False)


class Parsed(HTMLParser):
    """Elements with their attributes, and the text of each data block by id."""

    def __init__(self, response: HTTPResponse) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: dict[str, str] = {}
        self._block: str | None = None
        self.feed(response.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self._block = attributes.get("id") if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._block:
            self.blocks[self._block] = self.blocks.get(self._block, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._block = None

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def links(self) -> list[str]:
        return [value for _, found in self.elements for name in ("href", "src", "action") if (value := found.get(name)) is not None]

    def block(self, name: str) -> dict:
        return json.loads(self.blocks[name])
