"""Who asks, from where, and whether a page of another site may: what is worked out from the head of every request."""

from typing import NamedTuple, Protocol

from tornado.httputil import parse_cookie

from handlers.node import Node
from negotiation import origin
from negotiation.identity import BOOT_COOKIE, COOKIE, COOKIE_DAYS, User
from protocol.codes import ProtocolError

_FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
PROXIED = (*_FORWARDED, "Forwarded", "Via")


class Fields(Protocol):
    """Header fields, by names in any case."""

    def get(self, name: str, default: str | None = None) -> str | None: ...
    def __getitem__(self, name: str) -> str: ...
    def __contains__(self, name: object) -> bool: ...


class Request(Protocol):
    """What is needed of Tornado's request, and of http1.Head."""

    headers: Fields
    remote_ip: str
    protocol: str
    host: str


class Visit(NamedTuple):
    outside: origin.Outside
    cors: dict[str, str]
    """Header fields for who asks from elsewhere."""
    user: User
    is_new: bool
    """True for a visitor who was just made one, and has to be given the cookie."""


def visit(request: Request, node: Node) -> Visit:
    """Of a request without credentials. Raises ProtocolError bad-origin."""
    seen = outside(request, node)
    return Visit(seen, cors(request.headers, seen, node), *visitor(request.headers.get("Cookie"), node))


def outside(request: Request, node: Node) -> origin.Outside:
    headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
    return origin.outside(request.remote_ip or "", request.protocol, request.host, headers, node.trusted)


def cors(headers: Fields, seen: origin.Outside, node: Node) -> dict[str, str]:
    """The fields of Fetch section 3.2. Raises ProtocolError bad-origin where its page may not ask."""
    fields = vary(node)
    sent = headers.get("Origin")
    if sent is not None and not origin.is_same_origin(sent, headers.get("Sec-Fetch-Site"), seen.hosts):
        if sent.lower() not in node.settings.origins:
            raise ProtocolError("bad-origin")
        fields["Access-Control-Allow-Origin"] = sent
        fields["Access-Control-Allow-Credentials"] = "true"
        fields["Access-Control-Expose-Headers"] = "Retry-After"
    return fields


def vary(node: Node) -> dict[str, str]:
    """What also a refusal says."""
    return {"Vary": "Origin"} if node.settings.origins else {}


def visitor(cookies: str | None, node: Node) -> tuple[User, bool]:
    """Whom the cookie names; else a new one, and True."""
    found = parse_cookie(cookies) if cookies else {}
    user = node.identity.read(found.get(COOKIE))
    if user is not None:
        return user, False
    return node.identity.issue(found.get(BOOT_COOKIE)), True


def cookie(user: User, node: Node, seen: origin.Outside) -> str:
    """The value of Set-Cookie (RFC 6265 section 4.1) that keeps *user*."""
    secure = "; Secure" if seen.scheme == "https" else ""
    value = node.identity.cookie(user)
    return f'{COOKIE}="{value}"; HttpOnly; Max-Age={COOKIE_DAYS * 86_400}; Path=/; SameSite=Lax{secure}'


def fields(seen: Visit, node: Node) -> bytes:
    """The lines that an answer to this visit has beside its own."""
    given = dict(seen.cors)
    if seen.is_new:
        given["Set-Cookie"] = cookie(seen.user, node, seen.outside)
    return "".join(f"{name}: {value}\r\n" for name, value in given.items()).encode("ascii")
