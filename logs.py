"""The log on standard error: one line for what an operator acts on, as text or as JSON.

No line holds a query string, a cookie or a key. Our own lines never name any; Tornado's, which may, are kept out below
errors, and lose their queries above.
"""

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any, Literal

TEXT = "%(asctime)s %(name)s %(levelname)s %(message)s"
REPEATED_S = 10.0
"""A warning of the same wording comes at most so often: while MongoDB is away a hundred things fail each second, for one reason."""
_QUERY = re.compile(r"\?[^\s'\"]*")
_KNOWN = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "is_change"})


class Json(logging.Formatter):
    """One object a line: time (UTC), level, logger, process id, message, then the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        seconds, ms = divmod(round(record.created * 1000), 1000)
        line: dict[str, Any] = {
            "time": time.strftime(f"%Y-%m-%dT%H:%M:%S.{ms:03}Z", time.gmtime(seconds)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _KNOWN)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class Sparing(logging.Filter):
    """Lets a warning through once in REPEATED_S, by its wording, and says with the next one how many it kept back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING or getattr(record, "is_change", False):  # of something that went, or came back
            return True
        wording = (record.name, str(record.msg))
        told_s, kept_back = self._told.get(wording, (-REPEATED_S, 0))
        now_s = self._clock()
        if now_s - told_s < REPEATED_S:
            self._told[wording] = (told_s, kept_back + 1)
            return False
        self._told[wording] = (now_s, 0)
        if kept_back:
            record.msg, record.args = f"{record.getMessage()} (and {kept_back} more like it before)", ()
        return True


def without_queries(record: logging.LogRecord) -> bool:
    """A filter: what Tornado says of a request loses the query, in which there may be a token."""
    if record.name.startswith("tornado"):
        record.msg, record.args = _QUERY.sub("?…", record.getMessage()), ()
    return True


def set_up(form: Literal["text", "json"], level: str) -> None:
    """*level* is for our own lines; libraries are heard from warnings on, Tornado from errors."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if form == "json" else logging.Formatter(TEXT))
    handler.addFilter(without_queries)
    handler.addFilter(Sparing())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("anywire", "store"):
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger("tornado").setLevel(logging.ERROR)  # its warnings are of what any visitor may send, cookies and all
