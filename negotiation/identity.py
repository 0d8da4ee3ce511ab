"""Who is it: a visitor's id and name, in a cookie that only this server can sign."""

import base64
import hmac
import re
import secrets
import unicodedata
from typing import NamedTuple

from tornado.web import create_signed_value, decode_signed_value

from protocol.codes import ProtocolError

COOKIE = "anywire_id"
BOOT_COOKIE = "anywire_boot"
COOKIE_DAYS = 400
"""The longest that browsers keep a cookie (RFC 6265bis section 5.5)."""
MAX_NAME_CHARS = 40

_DIRECTION = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Could make a name run into what stands beside it."""
_BOOT = re.compile(r"[A-Za-z0-9_-]{22,128}")
"""22 base64 characters hold 128 bits."""
_USER_ID = re.compile(r"u_[A-Za-z0-9_-]{16}")


class User(NamedTuple):
    id: str
    name: str
    backend: bool = False
    """True for the bearer of the API key."""
    signed_in: bool = False
    """True where a token of the user's own site says who it is; any visitor can have as many other identities as it likes."""

    def public(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


BACKEND = User("backend", "", backend=True)


class Identity:
    def __init__(self, secret: bytes):
        self._secret = secret

    def read(self, cookie: str | None) -> User | None:
        """The user that a cookie names; None where it is missing, forged, too old or malformed."""
        if not cookie:
            return None
        value = decode_signed_value(self._secret, COOKIE, cookie, max_age_days=COOKIE_DAYS, min_version=2)
        if value is None:
            return None
        id, _, name = value.decode().partition(" ")
        return User(id, name) if _USER_ID.fullmatch(id) else None

    def cookie(self, user: User) -> str:
        return create_signed_value(self._secret, COOKIE, f"{user.id} {user.name}", version=2).decode()

    def issue(self, boot: str | None) -> User:
        """A new visitor. Requests sent side by side with one *boot* cookie get the same one."""
        if boot and _BOOT.fullmatch(boot):
            raw = hmac.digest(self._secret, b"boot:" + boot.encode(), "sha256")[:12]
        else:
            raw = secrets.token_bytes(12)
        id = "u_" + base64.urlsafe_b64encode(raw).decode()
        return User(id, "Guest " + base64.b32encode(raw[:5]).decode()[:4])

    def unguessable(self, kind: str, user: User, id: str | None) -> str:
        """128 bits that name something which *user* makes: always the same for the same *id*, random without one."""
        if id is None:
            return secrets.token_urlsafe(16)
        digest = hmac.digest(self._secret, f"{kind}:{user.id}\n{id}".encode("utf-8", "surrogatepass"), "sha256")[:16]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def network(self, prefix: str) -> str:
        """An opaque id for an address prefix, the same for as long as the secret is."""
        digest = hmac.digest(self._secret, b"network:" + prefix.encode(), "sha256")[:9]
        return "n_" + base64.urlsafe_b64encode(digest).decode()


def clean_name(name: str) -> str:
    """A name as it will be shown: trimmed, one line, 1 to 40 characters. Raises ProtocolError."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ProtocolError("bad-request", "A name is text.", field="name") from error
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        raise ProtocolError("bad-request", f"A name has 1 to {MAX_NAME_CHARS} characters.", field="name")
    if not any(unicodedata.category(c)[0] in "LNPS" for c in name):
        raise ProtocolError("bad-request", "A name has something to see.", field="name")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") or c in _DIRECTION for c in name):
        raise ProtocolError("bad-request", "A name has no control characters.", field="name")
    return name
