"""What may stand between a browser and the server: real proxies in folders of their own, and the hostile box."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.browsers.hostile import Hostile
from tests.browsers.processes import folder, free_port, program, running
from tests.running import Server

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).with_name("configurations")


@dataclass
class Way:
    """How a browser gets to the server."""

    server: Server
    base: str
    proxy: str = ""
    """HOST:PORT of a forward proxy that the browser has to be told of."""
    hostile: Hostile | None = None


@contextmanager
def direct(server: Server, setting: str) -> Iterator[Way]:
    yield Way(server, server.url)


@contextmanager
def hostile(server: Server, mode: str) -> Iterator[Way]:
    with Hostile(server.port, mode) as box:
        yield Way(server, box.url, hostile=box)


@contextmanager
def nginx(server: Server, setting: str) -> Iterator[Way]:
    with folder() as path:
        port = free_port()
        values = {"port": port, "server": f"127.0.0.1:{server.port}", "folder": path}
        if setting == "correct":
            site = (ROOT / "deploy" / "nginx.conf").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}")
            site = site.replace("127.0.0.1:8000", values["server"]).replace("/var/www/site", str(path))
            base = f"http://127.0.0.1:{port}/live"
        (path / "nginx.conf").write_text(Template((TEMPLATES / "nginx.conf").read_text()).substitute(values, site=site))
        command = [program("nginx"), "-p", str(path), "-c", str(path / "nginx.conf"), "-e", str(path / "error.log")]
        with running(command, port, path / "output"):
            yield Way(server, base)


BOXES: dict[str, Callable[[Server, str], AbstractContextManager[Way]]] = {"direct": direct, "hostile": hostile, "nginx": nginx}
