"""What every address has in common: who asks and from where, and how an answer or an error looks."""

import hmac
import logging
import math
from asyncio import Future
from typing import Any
from urllib.parse import parse_qs

import msgspec
import tornado.web

from handlers.http1 import MAX_HEAD_BYTES, SERVER
from handlers.node import Node, now_ms
from handlers.visit import PROXIED, cors, outside, vary, visitor
from negotiation import origin
from negotiation.identity import BACKEND, COOKIE, COOKIE_DAYS, User
from negotiation.offer import offer
from protocol.codes import CODES, ProtocolError, Refusal
from protocol.message import Message

MAX_BODY_BYTES = 2 * 1024 * 1024
"""Of an ordinary request; what comes beyond it is read and dropped, so that the sender gets an answer."""
MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""A longer body isn't even read to be polite."""
_BY_STATUS = {400: "bad-request", 403: "forbidden", 404: "not-found", 405: "method-not-allowed"}

logger = logging.getLogger("anywire.http")
encode = msgspec.json.Encoder().encode


class File(tornado.web.RequestHandler):
    """What files have in common with all other addresses: how an error looks."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == 405:
            _say_what_is_allowed(self)
        self.set_header("Content-Type", "application/json")
        self.finish(encode({"error": Refusal(_code(status_code)).body()}))


@tornado.web.stream_request_body
class Base(tornado.web.RequestHandler):
    max_body_bytes = MAX_BODY_BYTES
    takes_forms = True
    """False for addresses whose parameters are those of the query alone, whatever the body is."""
    needs_user = True
    """False for addresses that make no visitor of who asks, such as those for operators."""

    @property
    def node(self) -> Node:
        return self.settings["node"]

    def initialize(self) -> None:
        self._body = bytearray()
        self._body_bytes = 0
        self._waits_for_body = True

    def set_default_headers(self) -> None:
        self.set_header("Server", SERVER)
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        for name, value in getattr(self, "cors", {}).items():
            self.set_header(name, value)

    async def prepare(self) -> None:
        self._check_length()
        self.outside = outside(self.request, self.node)
        if len(self.request.uri or "") + sum(len(name) + len(value) for name, value in self.request.headers.get_all()) > MAX_HEAD_BYTES:
            raise ProtocolError("too-large", f"The headers take at most {MAX_HEAD_BYTES} bytes.")
        self._check_origin_header()
        if self.request.method == "OPTIONS":
            return
        self.user = self._who()

    def options(self, *_: str) -> None:
        """The answer to a preflight (Fetch section 4.8); the origin was checked already."""
        self.set_header("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
        self.set_header("Access-Control-Allow-Headers", "Content-Type, Authorization, Last-Event-ID, Cache-Control")
        self.set_header("Access-Control-Max-Age", "7200")
        self.set_status(204)

    def _check_origin_header(self) -> None:
        self.cors = vary(self.node)
        self.cors = cors(self.request.headers, self.outside, self.node)
        self.set_default_headers()

    def _who(self) -> User:
        key = self.bearer()
        if key is None:
            return self.visitor()
        if not self.is_api_key(key):
            raise ProtocolError("unauthorized", "This is not a key that opens anything here.")
        return BACKEND

    def bearer(self) -> str | None:
        """RFC 6750 section 2.1."""
        scheme, _, credentials = self.request.headers.get("Authorization", "").partition(" ")
        return credentials.strip() if scheme.lower() == "bearer" else None

    def is_api_key(self, key: str) -> bool:
        return bool(self.node.settings.api_key) and secrets_equal(key, self.node.settings.api_key)

    def visitor(self) -> User:
        """Whom the cookie names; else a new one."""
        user, is_new = visitor(self.request.headers.get("Cookie"), self.node)
        if is_new and self.needs_user:
            self.keep_user(user)
        return user

    def keep_user(self, user: User) -> None:
        """Gives the visitor the cookie that makes it *user*."""
        self.user = user
        self.set_cookie(
            COOKIE,
            self.node.identity.cookie(user),
            max_age=COOKIE_DAYS * 86_400,
            httponly=True,
            samesite="Lax",
            secure=self.outside.scheme == "https",
        )

    # the body

    def _check_length(self) -> None:
        announced = self.request.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) > MAX_UNREAD_BYTES:
            self.request.connection.set_max_body_size(int(announced))  # or Tornado says 400, without a word, itself
            self._waits_for_body = False
            raise ProtocolError("too-large", f"A body takes at most {self.max_body_bytes} bytes.")

    def finish(self, chunk: Any = None) -> "Future[None]":
        """Not before the request has been read: ending the connection on unread bytes sends a RST, which takes the answer back
        before the client has seen why it was refused (RFC 9112 section 9.6)."""
        body: Future[None] = self.request._body_future  # where Tornado waits for it, too
        if body.done() or not self._waits_for_body:
            return super().finish(chunk)
        if chunk is not None:
            self.write(chunk)
        body.add_done_callback(lambda _: self._finished or super(Base, self).finish())
        return body

    def data_received(self, chunk: bytes) -> None:
        self._body_bytes += len(chunk)
        if self._body_bytes <= self.max_body_bytes:
            self._body += chunk

    def body(self, media_type: str = "application/json") -> bytes:
        """The request's body. Raises ProtocolError too-large or bad-media-type."""
        if self._body_bytes > self.max_body_bytes:
            raise ProtocolError("too-large", f"A body takes at most {self.max_body_bytes} bytes.")
        sent = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if sent != media_type:
            raise ProtocolError("bad-media-type", f"The body has to be {media_type}.")
        return bytes(self._body)

    def optional_body(self) -> bytes:
        """The JSON of an address that can do without any: nothing, whatever it is called, stands for `{}`. Raises as `body` does."""
        return self.body() if self._body_bytes else b"{}"

    def announces_body(self) -> bool:
        """False where none will come (RFC 9112 section 6.3)."""
        return "Transfer-Encoding" in self.request.headers or self.request.headers.get("Content-Length", "").strip("0") != ""

    def parameters(self) -> dict[str, list[str]]:
        """Those of the query, and of a form-encoded body. Raises ProtocolError."""
        texts = [self.request.query]
        if self.request.method == "POST" and self.takes_forms:
            try:
                texts.append(self.body("application/x-www-form-urlencoded").decode("ascii"))
            except UnicodeDecodeError as error:
                raise ProtocolError("bad-request", "A form is encoded in ASCII.") from error
        return parse_parameters(*texts)

    # the answer

    def answer(self, value: Any, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.write(encode(value))

    def answer_events(self, name: str, messages: list[Message], **rest: Any) -> None:
        """An object whose field *name* is the list of *messages*, which are encoded already."""
        self.set_header("Content-Type", "application/json")
        tail = encode(rest)
        self.write(b'{"%s":[%s],%s' % (name.encode(), b",".join(m.payload for m in messages), tail[1:]))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        if not isinstance(error, Refusal):
            error = Refusal(_code(status_code))
        if error.retry_after_s is not None:
            self.set_header("Retry-After", str(max(1, math.ceil(error.retry_after_s))))
        if status_code == 405:
            _say_what_is_allowed(self)
        if error.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        self.node.metrics.refuse(error)
        self.refuse(error)

    def refuse(self, error: Refusal) -> None:
        """How an error looks; pages have their own."""
        self.answer({"error": error.body()}, error.status)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if isinstance(value, Refusal):
            logger.debug("%s %s: %s", self.request.method, self.request.path, value)
        elif isinstance(value, tornado.web.HTTPError) and value.status_code < 500:
            logger.debug("%s %s: %d", self.request.method, self.request.path, value.status_code)
        else:
            logger.error("%s %s failed", self.request.method, self.request.path, exc_info=(typ, value, tb))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        super().send_error(CODES[error.code].status if isinstance(error, Refusal) else status_code, **kwargs)

    def compute_etag(self) -> None:
        """None: hashing every answer costs more than any of them saves."""
        return

    def check_xsrf_cookie(self) -> None:
        """Nothing: the origin was checked, and bodies are JSON; the pages' forms check their token themselves."""

    def lines(self) -> bytes:
        """The fields that an answer written by hand has beside its own."""
        fields = [*self.cors.items()]
        if hasattr(self, "_new_cookie"):
            fields += [("Set-Cookie", morsel.OutputString(None)) for morsel in self._new_cookie.values()]
        return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")

    # what is offered

    def offer(self) -> dict[str, Any]:
        settings = self.node.settings
        return offer(
            self.user,
            self.network(),
            settings.transports,
            heartbeat_s=settings.heartbeat_s,
            hold_s=settings.hold_s,
            poll_s=settings.poll_s,
            now_ms=now_ms(),
        )

    def network(self) -> str:
        return self.node.network(self.outside.address)

    def require_operator(self) -> None:
        """The API key, or loopback with no proxy in between. Raises ProtocolError forbidden."""
        direct = not any(name in self.request.headers for name in PROXIED)
        if not (self.user.backend or direct and origin.is_loopback(self.request.remote_ip)):
            raise ProtocolError("forbidden", "This is for the operator: the API key, or this machine itself.")


def parse_parameters(*texts: str) -> dict[str, list[str]]:
    """Of a query, and of a form (URL Standard section 5.1). Raises ProtocolError."""
    found: dict[str, list[str]] = {}
    for text in texts:
        try:
            for name, values in parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=1000).items():
                found.setdefault(name, []).extend(values)
        except ValueError as error:
            raise ProtocolError("bad-request", "The parameters are not UTF-8, or too many.") from error
    return found


def _say_what_is_allowed(handler: tornado.web.RequestHandler) -> None:
    """RFC 9110 section 15.5.6."""
    lacking = tornado.web.RequestHandler.get
    allowed = [name for name in handler.SUPPORTED_METHODS if getattr(type(handler), name.lower()) is not lacking]
    handler.set_header("Allow", ", ".join(allowed))


def secrets_equal(a: str, b: str) -> bool:
    """In a time that doesn't tell how much of it is right."""
    return hmac.compare_digest(a.encode("utf-8", "surrogateescape"), b.encode())


def _code(status: int) -> str:
    """What we call an error that Tornado found."""
    return _BY_STATUS.get(status, "internal" if status >= 500 else "bad-request")
