"""Where a request comes from, as seen from outside the proxies that we trust: its address, scheme, host and origin."""

import functools
import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Outside(NamedTuple):
    address: str
    scheme: str
    hosts: tuple[str, ...]
    """The names that this server is known by for this request: its Host, and a trusted proxy's X-Forwarded-Host."""


def networks(texts: tuple[str, ...]) -> list[Network]:
    """Raises ValueError."""
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def outside(peer: str, scheme: str, host: str, headers: dict[str, str], trusted: list[Network]) -> Outside:
    """*headers* has the X-Forwarded ones, names in lower case; they count only where *peer* is trusted."""
    if not _within(peer, trusted):
        return Outside(peer, scheme, (host,))
    address = peer
    for hop in reversed([_without_port(part.strip()) for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]):
        if _parse(hop) is None:
            break
        address = hop
        if not _within(hop, trusted):
            break
    forwarded_scheme = headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    forwarded_host = headers.get("x-forwarded-host", "").split(",")[0].strip()
    return Outside(
        address,
        forwarded_scheme if forwarded_scheme in ("http", "https") else scheme,
        (host, forwarded_host) if forwarded_host else (host,),
    )


def is_same_origin(origin: str, fetch_site: str | None, hosts: tuple[str, ...]) -> bool:
    """Whether a request with this Origin (RFC 6454 section 7) comes from a page of this server."""
    if fetch_site == "same-origin":
        return True
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc in [_without_default(host.lower(), parts.scheme) for host in hosts]


def prefix(address: str) -> str:
    """The part of an address that a network shares: /24 of IPv4, /48 of IPv6; the address itself where it is neither."""
    parsed = _parse(address)
    if parsed is None:
        return address
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def is_loopback(address: str | None) -> bool:
    parsed = _parse(address or "")
    return parsed is not None and parsed.is_loopback


def _without_default(host: str, scheme: str) -> str:
    """Browsers leave a scheme's own port out of Origin; a Host header may still have it."""
    return host.removesuffix(":80" if scheme == "http" else ":443")


def _without_port(hop: str) -> str:
    """Some proxies write 192.0.2.1:4711 or [2001:db8::1]:4711."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _within(address: str, networks: list[Network]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in networks)


@functools.lru_cache(10_000)
def _parse(address: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
