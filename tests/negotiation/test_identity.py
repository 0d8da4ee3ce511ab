"""Who is it: cookies that only this server can sign, and names that can be shown."""

import re
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.web import create_signed_value

from negotiation.identity import BACKEND, COOKIE, COOKIE_DAYS, MAX_NAME_CHARS, Identity, User, clean_name
from protocol.codes import ProtocolError
from tests.protocol.repeatable import examples

BOOT = "abcdefghijklmnopqrstuv"
ANN = User("u_0123456789abcdef", "Ann Ärger 🎈")


@pytest.fixture
def identity() -> Identity:
    return Identity(b"a secret")


def signed(value: str | bytes, *, name: str = COOKIE, secret: bytes = b"a secret", days_ago: float = 0, version: int = 2) -> str:
    then = time.time() - days_ago * 86_400
    return create_signed_value(secret, name, value, version=version, clock=lambda: then).decode()


def test_a_user_is_read_as_it_was_written(identity):
    assert identity.read(identity.cookie(ANN)) == ANN
    assert Identity(b"a secret").read(identity.cookie(ANN)) == ANN
    assert identity.read(identity.cookie(ANN._replace(name=""))) == ANN._replace(name="")


def test_a_cookie_can_stand_in_a_header(identity):
    assert set(identity.cookie(ANN)) <= set(string.ascii_letters + string.digits + "|:=_-+/")


def test_the_key_is_no_user_that_a_cookie_can_name(identity):
    assert BACKEND.backend
    assert identity.read(identity.cookie(BACKEND)) is None
    read = identity.read(identity.cookie(ANN._replace(backend=True)))
    assert read is not None
    assert not read.backend
    assert ANN.public() == {"id": ANN.id, "name": ANN.name}


@pytest.mark.parametrize(
    "cookie",
    [
        None,
        "",
        "x",
        "2|",
        "2|1:0|10:1|10:anywire_id|4:abcd|",
        "u_0123456789abcdef Ann",
        "é",
        "\x00",
        "2|" * 1000,
        signed(f"{ANN.id} Ann", secret=b"another"),
        signed(f"{ANN.id} Ann", name="anywire_boot"),
        signed(f"{ANN.id} Ann", days_ago=COOKIE_DAYS + 1),
        signed(f"{ANN.id} Ann", version=1),
        signed("Ann"),
        signed(""),
        signed("u_short Ann"),
        signed("u_0123456789abcde! Ann"),
        signed("u_0123456789abcdefg Ann"),
        signed("backend "),
        signed("u_0123456789abcdef\n Ann"),
    ],
)
def test_what_names_nobody(identity, cookie):
    assert identity.read(cookie) is None


def test_a_cookie_lasts_as_long_as_browsers_keep_it(identity):
    assert identity.read(signed(f"{ANN.id} Ann", days_ago=COOKIE_DAYS - 1)) == ANN._replace(name="Ann")


def test_whatever_is_changed_in_a_cookie_it_names_nobody(identity):
    cookie = identity.cookie(ANN)
    for index, character in enumerate(cookie):
        assert identity.read(cookie[:index] + ("A" if character != "A" else "B") + cookie[index + 1 :]) is None
        assert identity.read(cookie[:index]) is None


@given(st.text(max_size=60))
@examples(100)
def test_random_cookies_name_nobody(cookie):
    try:
        cookie.encode()
    except UnicodeEncodeError:
        return  # no header has it
    assert Identity(b"a secret").read(cookie) is None


def test_requests_with_one_boot_cookie_are_one_visitor(identity):
    first = identity.issue(BOOT)
    assert identity.issue(BOOT) == first == Identity(b"a secret").issue(BOOT)
    assert re.fullmatch(r"u_[A-Za-z0-9_-]{16}", first.id)
    assert re.fullmatch(r"Guest [A-Z2-7]{4}", first.name)
    assert identity.read(identity.cookie(first)) == first
    assert identity.issue(BOOT + "w").id != first.id
    assert Identity(b"another").issue(BOOT).id != first.id


@pytest.mark.parametrize("boot", [None, "", BOOT[1:], "x" * 129, BOOT + "!", BOOT + "\n", BOOT[1:] + "é"])
def test_without_a_good_one_each_is_another(identity, boot):
    assert identity.issue(boot).id != identity.issue(boot).id


def test_the_id_of_a_network_tells_nothing_of_it(identity):
    network = identity.network("192.0.2.0/24")
    assert re.fullmatch(r"n_[A-Za-z0-9_-]{12}", network)
    assert network == identity.network("192.0.2.0/24")
    assert len({network, identity.network("198.51.100.0/24"), Identity(b"another").network("192.0.2.0/24")}) == 3


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ann", "Ann"),
        ("  Ann \t\n Bee\u00a0\u2028Cee ", "Ann Bee Cee"),
        ("A\u0308rger", "Ärger"),
        ("李雷", "李雷"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("x" * MAX_NAME_CHARS, "x" * MAX_NAME_CHARS),
        ("e\u0301" * MAX_NAME_CHARS, "é" * MAX_NAME_CHARS),
    ],
)
def test_names(name, shown):
    assert clean_name(name) == shown


@pytest.mark.parametrize(
    "name",
    ["", " ", "\n\t", "x" * (MAX_NAME_CHARS + 1), "a\0b", "a\x1b[31m", "a\x7f", "a\ud800", "a\ue000", "a\uffff"]
    + [f"a{mark}b" for mark in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"],
)
def test_what_is_no_name(name):
    with pytest.raises(ProtocolError) as caught:
        clean_name(name)
    assert (caught.value.code, caught.value.field) == ("bad-request", "name")


@given(st.text(st.characters(), max_size=50))
@examples(200)
def test_a_name_stays_as_it_is_and_fits_a_cookie(name):
    try:
        shown = clean_name(name)
    except ProtocolError:
        return
    assert clean_name(shown) == shown
    identity = Identity(b"a secret")
    assert identity.read(identity.cookie(ANN._replace(name=shown))) == ANN._replace(name=shown)
