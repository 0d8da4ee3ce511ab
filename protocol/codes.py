"""Every error and close code, in one table: what it means, its HTTP status, and whether to try again.

Two kinds of trouble, two types: a ProtocolError is the peer's (a request that can't be served as it is),
an Unavailable is ours (the log can't be reached, we are draining). Both are told to the client; details go to the log.
"""

from typing import NamedTuple


class Code(NamedTuple):
    status: int
    """HTTP status, RFC 9110 section 15."""
    retry: bool
    """True where the same request may succeed later."""
    meaning: str


CODES: dict[str, Code] = {
    "bad-request": Code(400, False, "The request is not of the documented form."),
    "bad-json": Code(400, False, "The body is not JSON of RFC 8259."),
    "bad-channel": Code(400, False, "A channel is kind:name, [a-z][a-z0-9-]{0,31}:[A-Za-z0-9._~-]{1,128}."),
    "bad-position": Code(400, False, "A position is EPOCH-OFFSET, or as START also -N, 0 or empty."),
    "bad-data": Code(400, False, "The data is not a JSON value within the limits."),
    "unauthorized": Code(401, False, "An identity is needed."),
    "token-expired": Code(401, False, "The token is past its time; get a new one."),
    "forbidden": Code(403, False, "This user may not do this."),
    "bad-origin": Code(403, False, "Pages of this origin may not use this server."),
    "bad-xsrf": Code(403, False, "The form's token is missing or wrong; load the page again."),
    "not-found": Code(404, False, "There is nothing at this address."),
    "transport-disabled": Code(404, False, "The operator has left this transport out."),
    "method-not-allowed": Code(405, False, "This address doesn't answer this method."),
    "id-reused": Code(409, False, "This id was used before for other data."),
    "job-ended": Code(409, False, "The job has ended; its state doesn't change any more."),
    "vote-closed": Code(409, False, "The vote is closed; its tally doesn't change any more."),
    "wrong-kind": Code(409, False, "A channel holds messages or states, not both."),
    "dead-epoch": Code(409, False, "This position belongs to an earlier life of the log."),
    "too-large": Code(413, False, "More than the documented limit."),
    "bad-media-type": Code(415, False, "The body's Content-Type is not one that this address takes."),
    "rate-limited": Code(429, True, "Too much in too short a time."),
    "too-many-connections": Code(429, True, "This address has too many connections open."),
    "too-many-tasks": Code(429, True, "As many tasks are running as may at a time."),
    "after-refused": Code(429, True, "An earlier message to this channel was refused; send that one again first."),
    "internal": Code(500, True, "A fault of ours; it was logged."),
    "unavailable": Code(503, True, "The log can't be reached right now."),
    "overloaded": Code(503, True, "More come than can be served at once; come back a little later."),
    "draining": Code(503, True, "This server is about to stop; another one, or its successor, will answer."),
}

CLOSE_POLICY = 1008
CLOSE_RESTARTING = 1012
CLOSE_OVERLOADED = 1013
"""RFC 6455 section 7.4.1 and the registry that it opens."""


class Refusal(Exception):
    """Something was asked that isn't done; carries what the client is told."""

    def __init__(self, code: str, message: str = "", *, field: str | None = None, retry_after_s: float | None = None):
        self.code = code
        self.message = message or CODES[code].meaning
        self.field = field
        self.retry_after_s = retry_after_s if retry_after_s is not None else (1.0 if CODES[code].retry else None)
        super().__init__(f"{code}: {self.message}")

    @property
    def status(self) -> int:
        return CODES[self.code].status

    def body(self) -> dict[str, str]:
        """The error object of an HTTP answer or an `error` event."""
        body = {"code": self.code, "message": self.message}
        if self.field is not None:
            body["field"] = self.field
        return body


class ProtocolError(Refusal):
    """The peer's: the request can't be served as it is."""


class Unavailable(Refusal):
    """Ours: the same request may be served later."""

    def __init__(self, message: str = "", *, code: str = "unavailable", retry_after_s: float = 1.0):
        super().__init__(code, message, retry_after_s=retry_after_s)
