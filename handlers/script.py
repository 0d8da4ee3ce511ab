"""`GET /anywire.js`: the client library, its files joined in a fixed order, shortened and stripped once, at start.

No build step: the files as they are in the repository are what is served, in one function, so that its only global is `Anywire`.
"""

import gzip
import hashlib
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from handlers.base import File
from handlers.shorten import shortened

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "static" / "js"
BUILD = ROOT / "build"
SHORTEN = ROOT / "handlers" / "shorten.py"

logger = logging.getLogger("anywire.script")

# A file may use at load time only what stands before it; within functions, anything.
FILES = (
    "lists.js",
    "timers.js",
    "env.js",
    "emitter.js",
    "verdicts.js",
    "query.js",
    "event-stream.js",
    "fetcher.js",
    "request.js",
    "memory.js",
    "back-off.js",
    "recheck.js",
    "positions.js",
    "subscriptions.js",
    "outbox.js",
    "publisher.js",
    "server.js",
    "websocket.js",
    "sse.js",
    "poll.js",
    "long-poll.js",
    "short-poll.js",
    "attempt.js",
    "choice.js",
    "negotiator.js",
    "wake.js",
    "report.js",
    "jobs.js",
    "run.js",
    "client.js",
    "progress.js",
    "global.js",
)


def joined() -> str:
    """The library as one script, comments and all."""
    parts = [(SOURCES / name).read_text(encoding="utf-8") for name in FILES]
    return "(function(){var anywire={};\n" + "".join(parts) + "}());\n"


@dataclass(frozen=True)
class Script:
    plain: bytes
    gzipped: bytes
    etag: str
    """Strong, RFC 9110 section 8.8.3: of the plain bytes; the gzipped ones have their own."""

    @classmethod
    def load(cls) -> "Script":
        """What was made once is kept in build/."""
        source = joined()
        kept = BUILD / f"anywire-{hashlib.sha256(source.encode() + SHORTEN.read_bytes()).hexdigest()[:16]}.js"
        try:
            plain = kept.read_bytes()
        except OSError:
            plain = shortened(source).encode()
            _keep(kept, plain)
        return cls(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:24])


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all, since servers may start side by side; where nothing may be written, the next start takes longer."""
    try:
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
    except OSError as error:
        logger.info("the client can't be kept in %s: %s", path.parent, error)


class ScriptHandler(File):
    def initialize(self, script: Script) -> None:
        self.script = script

    def set_default_headers(self) -> None:
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Access-Control-Allow-Origin", "*")  # a script is public; pages of other sites load it too

    def compute_etag(self) -> str:
        return f'"{self.script.etag}-gz"' if self._takes_gzip() else f'"{self.script.etag}"'

    async def get(self) -> None:
        if self._takes_gzip():
            self.set_header("Content-Encoding", "gzip")
        self.write(self.script.gzipped if self._takes_gzip() else self.script.plain)

    async def head(self) -> None:
        await self.get()  # Tornado counts the body and leaves it out

    def _takes_gzip(self) -> bool:
        """RFC 9110 section 12.5.3, as far as clients use it: named, and not with the weight 0."""
        for part in self.request.headers.get("Accept-Encoding", "").lower().split(","):
            coding, _, weight = part.replace(" ", "").partition(";q=")
            if coding in ("gzip", "*"):
                return not weight or weight.strip("0.") != ""
        return False
