"""A thread for each server, which reports the jobs of the script to it.

Each update carries the whole state and a higher `seq`, so any of them may get lost. One that doesn't arrive is tried again for
as long as the script runs. Nothing here ever blocks the script, but at its end, and there for a few seconds only.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import json
import logging
import os
import random
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from anywire_progress import leaving
from anywire_progress.values import fields, number, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from anywire_progress.job import Progress

EVERY_S = 0.25
"""A job is reported at most so often."""
ALIVE_S = 3.0
"""Unchanged, too: the server takes a job for stalled after 30 s, and its answer says whether the job was cancelled."""
TIMEOUT_S = 5.0
BACK_OFF_S = 10.0
"""Between two attempts, at most, unless the server asks for more."""
EXIT_S = 3.0
LAST_TRY_S = 0.3
"""In place of that where nobody has ever answered: then there is probably nobody."""
FIRST_TRY_S = 1.0
"""Since the first job, for whoever had no time yet to answer: a script may be short, and a server far."""
MAX_REPORTS = 1000
"""Jobs under way for one server: else, while it is away, a script that begins one after the other would fill the memory."""
GONE = 404
ENDED = 409
"""RFC 9110 section 15.5."""
TEMPORARY = (GONE, 408, 425, 429)
"""Of those below 500. What is gone may have been known to an earlier life of the database, and is made anew."""

logger = logging.getLogger("anywire_progress")
_visitor = os.urandom(16).hex()
"""All requests are one visitor's by it: the id of a job that is made is idempotent for the same visitor only."""
_senders: dict[str, _Sender] = {}
_lock = threading.RLock()
_said: set[str] = set()


def report(job: Progress, url: str | None, **options: Any) -> _Report | None:
    """The report of *job* to the server at *url*; None where there is none to report to."""
    if url is None:
        url = os.environ.get("ANYWIRE_URL")
        if url is None:
            _say_once("Progress isn't shown: neither url nor ANYWIRE_URL is set.")
    if not url:
        return None
    base = (url if "://" in url else f"http://{url}").rstrip("/")
    try:
        with _lock:
            if base not in _senders:
                _senders[base] = _Sender(base)
                _deliver_from_process()
            sender = _senders[base]
            if not sender.is_alive():
                sender.start()
    except (KeyError, ValueError, RuntimeError) as error:
        _say_once(f"Progress isn't shown at {url!r}: {error!r}.")
        return None
    if len(sender.reports) >= MAX_REPORTS:
        _say_once(f"Not all progress is shown: more than {MAX_REPORTS} jobs wait for {base}.")
        return None
    return _Report(job, sender, **options)


class _Report:
    """What the server has been told of a job."""

    def __init__(self, job: Progress, sender: _Sender, *, api_key: str | None, cancellable: object, exit_s: float | None):
        self.job = job
        self.exit_s = exit_s
        self._sender = sender
        self._api_key = api_key
        self._new = {
            "id": os.urandom(16).hex(),
            "title": text(job.title, 200),
            "total": number(job.total),
            "unit": text(job.unit, 20),
            "cancellable": cancellable,
        }
        """Never changes: an id goes with what it was first sent with."""
        self._key: str | None = None
        self._sent: dict[str, Any] | None = None
        self._sent_s = 0.0
        self._seq = 0
        sender.reports.append(self)
        sender.wake.set()

    def hurry(self) -> None:
        self._sender.wake.set()

    def end(self, error: BaseException | str | None) -> None:
        """The script has ended, by *error* if not well."""
        shown = fields(self.job)
        if error is None and shown["total"] is not None and shown["done"] < shown["total"]:
            error = f"The script ended at {shown['done']} of {shown['total']}."
        self.job.close(error)

    def send(self, ask: Callable[..., Any]) -> bool:
        """Tells what has changed, if it is time to; True if there is no more to tell. Raises what *ask* does."""
        shown = fields(self.job)
        is_last = shown["state"] != "running"
        if self._key and not is_last and time.monotonic() < self._sent_s + (ALIVE_S if shown == self._sent else EVERY_S):
            return False
        if self._key is None:
            self._make(ask)
        self._seq += 1
        try:
            answer = ask("PATCH", f"/{self.job.id}", {**shown, "seq": self._seq}, {"Authorization": f"Bearer {self._key}"})
        except Refused as refused:
            if refused.status == GONE:
                self._key = None
            raise
        self._sent, self._sent_s = shown, time.monotonic()
        self.job.cancelled = answer["state"] == "cancelled"
        return is_last or self.job.cancelled

    def _make(self, ask: Callable[..., Any]) -> None:
        who = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {"Cookie": f"anywire_boot={_visitor}"}
        made = ask("POST", "", self._new, who)
        self.job.id, self._key = made["id"], made["key"]
        self.job.link = f"{self._sender.base}/progress?job={made['id']}"
        logger.info("%s: %s", self.job.title, self.job.link)
        if sys.stderr is not None and sys.stderr.isatty() and "link" not in _said:
            _said.add("link")
            print(f"{self.job.title}: {self.job.link}", file=sys.stderr)


class Refused(Exception):
    """An answer that isn't the one hoped for."""

    def __init__(self, response: http.client.HTTPResponse, content: bytes):
        reason = response.reason
        with contextlib.suppress(ValueError, KeyError, TypeError):
            reason = json.loads(content)["error"]["message"]
        super().__init__(f"{response.status} {reason}")
        self.status = response.status
        after = response.headers.get("Retry-After", "")
        self.wait_s = int(after) if after.isdecimal() else 0
        self.is_temporary = self.status >= 500 or self.status in TEMPORARY


class _Sender(threading.Thread):
    def __init__(self, base: str):
        """Raises ValueError, KeyError."""
        super().__init__(name="anywire-progress", daemon=True)
        address = urlsplit(base)
        if not address.hostname:
            raise ValueError("no host")
        connection = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}[address.scheme]
        self._connection = connection(address.hostname, address.port, timeout=TIMEOUT_S)
        self._path = f"{address.path}/v1/jobs"
        self._failures = 0
        self._is_reached = False
        """Somebody there knows us, if only to ask that we come again."""
        self._begun_s = time.monotonic()
        self.base = base
        self.reports: list[_Report] = []
        self.wake = threading.Event()
        self.ending = threading.Event()

    def run(self) -> None:
        while self.reports or not self.ending.is_set():
            self.wake.wait(EVERY_S / 2 if self.reports else None)
            self.wake.clear()
            for one in self.reports[:]:
                if not self._serve(one):
                    break

    def _serve(self, one: _Report) -> bool:
        """False after a failure that the next one would meet as well."""
        try:
            is_over = one.send(self._ask)
        except Exception as error:  # noqa: BLE001 - whatever it is, the script goes on
            if not isinstance(error, Refused) or error.is_temporary:
                self.reports.remove(one)
                self.reports.append(one)  # behind those that may have more luck
                self._back_off(error)
                return False
            if error.status != ENDED:
                logger.warning("%s doesn't show %s: %s", self.base, one.job.title, error)
            is_over = True
        if is_over:
            self.reports.remove(one)
        return True

    def _ask(self, method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
        """The answer's JSON. Raises Refused, OSError, HTTPException, ValueError."""
        try:
            self._connection.request(method, self._path + path, json.dumps(body), {"Content-Type": "application/json", **headers})
            response = self._connection.getresponse()
            content = response.read()
        except Exception:
            self._connection.close()
            raise
        if response.status >= 300:
            refused = Refused(response, content)
            self._is_reached = self._is_reached or refused.wait_s > 0
            raise refused
        answer = json.loads(content)
        self._failures, self._is_reached = 0, True
        return answer

    def _back_off(self, error: Exception) -> None:
        """With full jitter; at the script's end, without."""
        self._failures += 1
        if self._failures == 2:  # the first may be a connection that was idle for too long
            logger.warning("%s is away or busy (%s). The script goes on; its progress is shown as soon as possible.", self.base, error)
        asked_s = getattr(error, "wait_s", 0)
        is_last_try = self.ending.is_set()
        if self.ending.wait(asked_s + random.uniform(EVERY_S, min(BACK_OFF_S, EVERY_S * 2 ** min(self._failures, 10)))):
            time.sleep(max(asked_s, EVERY_S if is_last_try else 0))

    def wait(self, ended_s: float) -> None:
        """Until all is delivered, or as long as the script may wait whose end was at *ended_s*."""
        while self.is_alive() and (left_s := ended_s + self._patience_s(ended_s) - time.monotonic()) > 0:
            self.join(min(left_s, EVERY_S / 5))  # meanwhile it may be reached, or not any more

    def _patience_s(self, ended_s: float) -> float:
        usual_s = EXIT_S if self._is_reached else LAST_TRY_S
        if not self._is_reached and not self._failures:
            usual_s = max(usual_s, self._begun_s + FIRST_TRY_S - ended_s)
        return max((usual_s if one.exit_s is None else one.exit_s for one in self.reports[:]), default=0)


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        logger.warning(line)


@atexit.register
def _deliver() -> None:
    """Ends the jobs that nobody has ended, and waits a little until the servers know of all."""
    error = getattr(sys, "last_value", None)  # that nobody has caught
    leaving.settle(error)
    reports = [one for sender in _senders.values() for one in sender.reports]
    for one in reports:
        one.end(error)
    ended_s = time.monotonic()
    for sender in _senders.values():
        sender.ending.set()
        sender.wake.set()
    with contextlib.suppress(KeyboardInterrupt):
        for sender in _senders.values():
            sender.wait(ended_s)
    for sender in _senders.values():
        if sender.reports:
            logger.warning("%s doesn't know the last state of %s.", sender.base, ", ".join(one.job.title for one in sender.reports[:5]))


def _deliver_from_process() -> None:
    """A process of multiprocessing ends without what is registered at atexit."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _deliver, exitpriority=0)


def _after_fork() -> None:
    """What the parent began it goes on to report; the child reports what it begins itself."""
    global _lock
    _lock = threading.RLock()
    for sender in _senders.values():
        for one in sender.reports:
            one.job.forget()
    _senders.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
