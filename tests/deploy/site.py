"""nginx with the file that we tell people to use, before several servers; and clients that come through it."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from tornado.httpclient import HTTPClientError

from tests.browsers.processes import folder, free_port, program, running
from tests.faults.clients import BROKEN, Visitor
from tests.running import Server

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "deploy" / "nginx.conf"
BAD_GATEWAY = 502


def configuration(path: Path, port: int, servers: list[Server], certificate: tuple[Path, Path] | None = None) -> Path:
    """The file for *servers*, in a whole configuration in the folder *path*; with *certificate* its lines for TLS hold, too."""
    text = OURS.read_text().replace("root /var/www/site;", f"root {path};")
    lines = "\n    ".join(f"server 127.0.0.1:{server.port} max_fails=1 fail_timeout=2s;" for server in servers)
    text = text.replace("server 127.0.0.1:8000 max_fails=1 fail_timeout=2s;", lines)
    text = text.replace("# access_log /var/log/nginx/live.log anywire;", f"access_log {path}/live.log anywire;")
    if certificate is None:
        text = text.replace("listen 127.0.0.1:8080;", f"listen 127.0.0.1:{port};")
    else:
        text = text.replace("listen 127.0.0.1:8080;", "").replace("# listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        for name, file in zip(("ssl_certificate    ", "ssl_certificate_key"), certificate, strict=True):
            text = text.replace(f"# {name} /etc/ssl/site/{'fullchain' if name.endswith(' ') else 'privkey'}.pem", f"{name} {file}")
        text = text.replace("# ssl_session_cache", "ssl_session_cache")
    temporary = "".join(f"{kind}_temp_path {path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = f"daemon off; pid {path}/pid; error_log {path}/error.log;\nevents {{}}\nhttp {{ access_log off;\n{temporary}{text}\n}}\n"
    (path / "nginx.conf").write_text(whole)
    return path / "nginx.conf"


@contextmanager
def site(servers: list[Server], certificate: tuple[Path, Path] | None = None) -> Iterator[tuple[str, Path]]:
    """Its address, and the folder with its logs."""
    port = free_port()
    with folder() as path:
        command = [program("nginx"), "-p", str(path), "-c", str(configuration(path, port, servers, certificate))]
        with running([*command, "-e", str(path / "error.log")], port, path / "output"):
            yield f"http{'s' if certificate else ''}://127.0.0.1:{port}/live", path


class Client:
    """Follows one channel by one wire, comes again when that breaks, and counts what came."""

    def __init__(self, url: str, wire: str, channel: str):
        self._visitor = Visitor(url)
        self.wire = wire
        self._channel = channel
        self._position = "0"
        self.offsets: list[int] = []
        self.attachments = 0

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            with contextlib.suppress(*BROKEN, HTTPClientError):
                async for event in self._events():
                    if event["type"] in ("subscribed", "message"):
                        self._position = event["position"]
                    if event["type"] == "subscribed":
                        self.attachments += 1
                        assert event["recovered"]
                    elif event["type"] == "message":
                        self.offsets.append(event["offset"])
            await asyncio.sleep(0.05)

    def _events(self) -> AsyncIterator[dict]:
        query = {"sub": f"{self._channel}@{self._position}", "_": secrets.token_hex(4), "ids": "0"}
        return self._visitor.events(self.wire, query)


async def publish(url: str, channel: str, count: int, pause_s: float) -> list[dict]:
    """The receipts of *count* messages, each sent with its id until it has one, as our clients do."""
    visitor = Visitor(url)
    receipts: list[dict] = []
    while len(receipts) < count:
        message = {"channel": channel, "data": len(receipts), "id": f"{len(receipts)}-{channel}"}
        try:
            receipts.append(await visitor.post("publish", message))
        except (*BROKEN, HTTPClientError) as error:
            assert not isinstance(error, HTTPClientError) or error.code in (BAD_GATEWAY, 503, 504, 599), error
        await asyncio.sleep(pause_s)
    return receipts
