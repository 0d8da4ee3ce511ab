"""Positions, STARTs, subs and cursors: what is one, and what each malformed form is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codes import ProtocolError
from protocol.positions import (
    MAX_OFFSET,
    Last,
    Next,
    Oldest,
    Position,
    is_channel,
    parse_channel,
    parse_cursor,
    parse_position,
    parse_start,
    parse_sub,
)
from tests.protocol.repeatable import examples

EPOCHS = st.from_regex(r"[0-9a-z]{4,16}", fullmatch=True)
OFFSETS = st.integers(0, MAX_OFFSET)
CHANNELS = st.from_regex(r"[a-z][a-z0-9-]{0,31}:[A-Za-z0-9._~-]{1,128}", fullmatch=True)


def code_of(parse, text: str) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse(text)
    return caught.value.code


@pytest.mark.parametrize("text", ["chat:lobby", "a:b", "user:u_1"[:4] + ":~.-_A9", "x" * 32 + ":y", "job:" + "z" * 128, "a-1:b"])
def test_channels(text):
    assert is_channel(text)
    assert parse_channel(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chat",
        "chat:",
        ":lobby",
        "Chat:lobby",
        "1chat:lobby",
        "-a:b",
        "chat:lob by",
        "chat:lobby\n",
        "\nchat:lobby",
        "chat:a:b",
        "chat:a/b",
        "chat:ä",
        "chat:a\0",
        "chat:a@0",
        "chat:a,b",
        "x" * 33 + ":y",
        "job:" + "z" * 129,
        "chät:a",
        "chat:\ud800",
    ],
)
def test_not_channels(text):
    assert not is_channel(text)
    assert code_of(parse_channel, text) == "bad-channel"


def test_the_field_is_named():
    for parse, text, field in (
        (parse_channel, "", "channel"),
        (parse_position, "", "position"),
        (parse_sub, "x", "sub"),
        (parse_start, "x", "sub"),
    ):
        with pytest.raises(ProtocolError) as caught:
            parse(text)
        assert caught.value.field == field


@given(EPOCHS, OFFSETS)
@examples(50)
def test_a_position_is_read_as_it_is_written(epoch, offset):
    position = Position(epoch, offset)
    assert parse_position(str(position)) == position == parse_start(str(position))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "8f3ak2",
        "8f3ak2-",
        "-41x",
        "8f3ak2--1",
        "8f3ak2-041",
        "8f3ak2-00",
        "8f3ak2-+1",
        "8f3ak2- 1",
        "8f3ak2-1 ",
        "8f3ak2-1\n",
        "8f3ak2-1.0",
        "8f3ak2-1e3",
        "8f3ak2-0x1",
        "8f3ak2-1_0",
        "8f3ak2-٣",
        "8f3ak2-²",
        "8F3AK2-1",
        "8f3-1",
        "8f3ak28f3ak28f3ak-1",
        "8f3ak2-1-1",
        f"8f3ak2-{MAX_OFFSET + 1}",
        "8f3ak2-" + "9" * 16,
        "8f3ak2-" + "1" * 17,
        "8f3ak2-" + "1" * 5000,
        "8f3äk2-1",
        "8f3ak2@1",
    ],
)
def test_not_positions(text):
    assert code_of(parse_position, text) == "bad-position"
    if text:
        assert code_of(parse_start, text) == "bad-position"


def test_starts():
    assert parse_start("") == Next()
    assert parse_start("0") == Oldest()
    assert parse_start("-1") == Last(1)
    assert parse_start("-1000") == Last(1000)
    assert parse_start("abcd-0") == Position("abcd", 0)
    assert parse_start(f"abcd-{MAX_OFFSET}") == Position("abcd", MAX_OFFSET)


@pytest.mark.parametrize(
    "text", ["-0", "-1001", "-", "--1", "-01", "- 1", "-1 ", "-1.5", "-٣", "-" + "9" * 5000, "1", "00", " ", "next", "\0"]
)
def test_not_starts(text):
    assert code_of(parse_start, text) == "bad-position"


def test_subs():
    assert parse_sub("chat:lobby") == parse_sub("chat:lobby@") == ("chat:lobby", Next())
    assert parse_sub("chat:lobby@0") == ("chat:lobby", Oldest())
    assert parse_sub("chat:lobby@-5") == ("chat:lobby", Last(5))
    assert parse_sub("chat:lobby@8f3ak2-42") == ("chat:lobby", Position("8f3ak2", 42))
    assert code_of(parse_sub, "@0") == "bad-channel"
    assert code_of(parse_sub, "chat:lobby@@0") == "bad-position"
    assert code_of(parse_sub, "chat:lobby@8f3ak2-42@") == "bad-position"


@given(st.dictionaries(CHANNELS, st.builds(Position, EPOCHS, OFFSETS), max_size=5))
@examples(30)
def test_a_cursor_is_read_as_it_is_written(positions):
    assert parse_cursor(",".join(f"{channel}@{position}" for channel, position in positions.items())) == positions


@pytest.mark.parametrize(
    "text", [",", "chat:a", "chat:a@", "chat:a@0", "chat:a@-5", "chat:a@abcd-1,", "chat:a@abcd-1 ,chat:b@abcd-1", "@abcd-1", "x@abcd-1"]
)
def test_not_cursors(text):
    assert code_of(parse_cursor, text) == "bad-position"


def test_of_a_channel_named_twice_in_a_cursor_the_last_counts():
    assert parse_cursor("chat:a@abcd-1,chat:a@abcd-2") == {"chat:a": Position("abcd", 2)}
    assert parse_cursor("") == {}


@given(st.text(max_size=40))
@examples(300)
def test_whatever_the_text_only_a_protocol_error_is_raised(text):
    for parse in (parse_channel, parse_position, parse_start, parse_sub, parse_cursor):
        try:
            parse(text)
        except ProtocolError as error:
            assert error.status == 400
