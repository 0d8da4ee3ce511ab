"""Where a request comes from: proxies that are trusted and those that are not, and pages of this server."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negotiation.origin import Outside, is_loopback, is_same_origin, networks, outside, prefix
from tests.protocol.repeatable import examples

TRUSTED = networks(("127.0.0.0/8", "::1", "10.0.0.0/8", "fd00::/8"))


def seen(peer: str, **forwarded: str) -> Outside:
    headers = {f"x-forwarded-{name}": value for name, value in forwarded.items()}
    return outside(peer, "http", "internal:8000", headers, TRUSTED)


def test_without_a_proxy():
    assert seen("203.0.113.9") == Outside("203.0.113.9", "http", ("internal:8000",))
    assert seen("127.0.0.1") == Outside("127.0.0.1", "http", ("internal:8000",))


def test_whom_we_do_not_trust_is_not_believed():
    assert seen("203.0.113.9", **{"for": "198.51.100.1", "proto": "https", "host": "evil.example"}) == Outside(
        "203.0.113.9", "http", ("internal:8000",)
    )
    assert outside("127.0.0.1", "http", "h", {"x-forwarded-for": "198.51.100.1"}, []).address == "127.0.0.1"
    for written, meant in (("198.51.100.1:4711", "198.51.100.1"), ("[2001:db8::1]:4711", "2001:db8::1"), ("2001:db8::1", "2001:db8::1")):
        assert outside("127.0.0.1", "http", "h", {"x-forwarded-for": written}, networks(("127.0.0.0/8",))).address == meant
    assert seen("", **{"for": "198.51.100.1"}).address == ""


def test_behind_a_trusted_proxy():
    assert seen("127.0.0.1", **{"for": "203.0.113.9", "proto": "https", "host": "chat.example"}) == Outside(
        "203.0.113.9", "https", ("internal:8000", "chat.example")
    )


@pytest.mark.parametrize(
    ("peer", "chain", "address"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("fd00::7%eth0", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.7, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9,10.1.2.3,10.1.2.4", "203.0.113.9"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("127.0.0.1", "203.0.113.9, unknown, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", " , ,", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "999.1.1.1", "127.0.0.1"),
        ("127.0.0.1", "::ffff:10.1.2.3", "::ffff:10.1.2.3"),
    ],
)
def test_a_chain_is_read_from_our_end_as_far_as_it_is_trusted(peer, chain, address):
    assert seen(peer, **{"for": chain}).address == address


@pytest.mark.parametrize(
    ("sent", "scheme"),
    [("https", "https"), ("HTTPS, http", "https"), ("http", "http"), ("ws", "http"), ("", "http"), ("javascript", "http")],
)
def test_the_outer_scheme(sent, scheme):
    assert seen("127.0.0.1", proto=sent).scheme == scheme


def test_the_outer_host():
    assert seen("127.0.0.1", host=" a.example , b.example").hosts == ("internal:8000", "a.example")
    assert seen("127.0.0.1", host=" ").hosts == ("internal:8000",)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://chat.example", "chat.example"),
        ("https://chat.example", "chat.example"),
        ("http://chat.example", "chat.example:80"),
        ("https://chat.example", "chat.example:443"),
        ("http://chat.example:8000", "chat.example:8000"),
        ("HTTP://Chat.Example", "chat.EXAMPLE"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]", "[::1]:80"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ],
)
def test_the_same_origin(origin, host):
    assert is_same_origin(origin, None, (host,))
    assert is_same_origin(origin, "cross-site", ("other.example", host))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "chat.example"),
        ("http://chat.example.evil.example", "chat.example"),
        ("http://evilchat.example", "chat.example"),
        ("http://chat.example@evil.example", "chat.example"),
        ("http://evil.example/chat.example", "chat.example"),
        ("http://chat.example:8001", "chat.example:8000"),
        ("http://chat.example", "chat.example:443"),
        ("https://chat.example", "chat.example:80"),
        ("http://chat.example:80", "chat.example:8080"),
        ("http://localhost", "127.0.0.1"),
        ("null", "chat.example"),
        ("null", "null"),
        ("", ""),
        ("file://", ""),
        ("chat.example", "chat.example"),
        ("//chat.example", "chat.example"),
        ("ftp://chat.example", "chat.example"),
        ("chrome-extension://chat.example", "chat.example"),
        ("http://[", "["),
        ("http://[::1", "[::1"),
        ("http://[v1.x]", "[v1"),
    ],
)
def test_another_origin(origin, host):
    for fetch_site in (None, "", "none", "same-site", "cross-site", "Same-Origin"):
        assert not is_same_origin(origin, fetch_site, (host,))


def test_a_browser_s_own_word_counts():
    """Sec-Fetch-Site can't be set by a page (Fetch Metadata section 2.3)."""
    assert is_same_origin("https://chat.example", "same-origin", ("internal:8000",))


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("/run/socket", "/run/socket"),
    ],
)
def test_what_a_network_shares(address, shared):
    assert prefix(address) == shared


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::2", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback(address, answer):
    assert is_loopback(address) is answer


def test_networks():
    assert networks(("10.1.2.3/8", "::1")) == [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")]
    for wrong in ("10.0.0.0/33", "localhost", ""):
        with pytest.raises(ValueError):
            networks((wrong,))


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
@examples(200)
def test_whatever_is_sent_nothing_is_raised(chain, proto, host, origin):
    found = seen("127.0.0.1", **{"for": chain, "proto": proto, "host": host})
    assert found.scheme in ("http", "https")
    assert ipaddress.ip_address(found.address.partition("%")[0])
    is_same_origin(origin, None, found.hosts)
    is_same_origin("http://" + origin, None, found.hosts)
    prefix(chain)
    is_loopback(chain)
