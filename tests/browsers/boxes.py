"""What may stand between a browser and the server: real proxies in folders of their own, and the hostile box.

Each is a context manager over the server and a setting; BOXES is the list.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.browsers.hostile import Hostile
from tests.browsers.processes import folder, free_port, program, running
from tests.certificate import make_certificate
from tests.handlers.talking import database_uri
from tests.running import Server

OUR_NGINX = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
TEMPLATES = Path(__file__).with_name("configurations")

QUICK = {"heartbeat_s": 2, "hold_s": 3, "poll_s": 0.2}
"""Settings of a server in the matrix: what needs several heartbeats or holds is over within a cell."""

HAPROXY_RULES = {
    "deny-upgrade": "http-request deny if { req.hdr(Upgrade) -m found }",
    "delete-upgrade": "http-request del-header Upgrade",
    "compress": "compression algo gzip\n    compression type text/event-stream",
}
NGINX_RULES = {"bare": "", "buffering": "proxy_ignore_headers X-Accel-Buffering;"}
TINYPROXY_RULES = {"default": "", "tls-ports": "ConnectPort 443"}


@dataclass
class Way:
    """How a browser gets to the server."""

    server: Server
    base: str
    proxy: str = ""
    """HOST:PORT of a forward proxy that the browser has to be told of."""
    hostile: Hostile | None = None


def write(path: Path, template: str, **values: object) -> Path:
    """The configuration in the folder *path*."""
    file = path / template
    file.write_text(Template((TEMPLATES / template).read_text()).substitute(values, folder=path))
    return file


def of(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


@contextmanager
def direct(server: Server, setting: str) -> Iterator[Way]:
    yield Way(server, server.url)


@contextmanager
def operators(server: Server, transports: str) -> Iterator[Way]:
    """A server of its own, on a database of its own, that offers these transports."""
    own = Server(mongodb_uri=database_uri(server, secrets.token_hex(4)), **QUICK, transports=transports)
    try:
        own.start()
        yield Way(own, own.url)
    finally:
        own.close()


@contextmanager
def hostile(server: Server, mode: str) -> Iterator[Way]:
    with Hostile(server.port, mode) as box:
        yield Way(server, box.url, hostile=box)


def correct(server: Server, port: int, listen: str = "") -> str:
    """What we tell people to put into their site, which serves us below /live/."""
    text = OUR_NGINX.read_text().replace("listen 127.0.0.1:8080;", f"listen 127.0.0.1:{port}{listen}")
    return text.replace("127.0.0.1:8000", of(server)).replace("root /var/www/site;", "")


@contextmanager
def nginx(server: Server, setting: str) -> Iterator[Way]:
    port = free_port()
    base = f"http://127.0.0.1:{port}/live"
    with folder() as path:
        if setting == "hasty":
            site = correct(server, port, ";").replace("proxy_read_timeout 60s", "proxy_read_timeout 1s")
        elif setting == "tls":
            base = base.replace("http:", "https:")
            make_certificate(path)
            site = correct(server, port, f" ssl http2;\n    ssl_certificate {path}/cert.pem;\n    ssl_certificate_key {path}/key.pem;")
        elif setting in NGINX_RULES:
            base = base.removesuffix("/live")
            bare = Template((TEMPLATES / "nginx-bare.conf").read_text())
            site = bare.substitute(port=port, server=of(server), rule=NGINX_RULES[setting])
        else:
            site = correct(server, port, ";")
        configuration = write(path, "nginx.conf", site=site)
        command = [program("nginx"), "-p", str(path), "-c", str(configuration), "-e", str(path / "error.log")]
        with running(command, port, path / "output"):
            yield Way(server, base)


@contextmanager
def haproxy(server: Server, setting: str) -> Iterator[Way]:
    port = free_port()
    with folder() as path:
        configuration = write(path, "haproxy.cfg", port=port, server=of(server), rule=HAPROXY_RULES[setting])
        with running([program("haproxy"), "-db", "-f", str(configuration)], port, path / "output"):
            yield Way(server, f"http://127.0.0.1:{port}")


@contextmanager
def forward(server: Server, template: str, command: list[str], **values: object) -> Iterator[Way]:
    """A forward proxy; *command* gets its configuration as the last word."""
    port = free_port()
    with folder() as path:
        configuration = write(path, template, port=port, **values)
        with running([*command, str(configuration)], port, path / "output"):
            yield Way(server, server.url, proxy=f"127.0.0.1:{port}")


def squid(server: Server, setting: str) -> AbstractContextManager[Way]:
    return forward(server, "squid.conf", [program("squid"), "-N", "-f"])


def tinyproxy(server: Server, setting: str) -> AbstractContextManager[Way]:
    return forward(server, "tinyproxy.conf", [program("tinyproxy"), "-d", "-c"], rule=TINYPROXY_RULES[setting])


def privoxy(server: Server, setting: str) -> AbstractContextManager[Way]:
    """With the actions and filters that it is installed with."""
    return forward(server, "privoxy.conf", [program("privoxy"), "--no-daemon"], installed="/etc/privoxy")


BOXES: dict[str, Callable[[Server, str], AbstractContextManager[Way]]] = {
    "direct": direct,
    "operator": operators,
    "hostile": hostile,
    "nginx": nginx,
    "haproxy": haproxy,
    "squid": squid,
    "tinyproxy": tinyproxy,
    "privoxy": privoxy,
}
