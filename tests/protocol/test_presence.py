"""Who is in a channel: what several processes say, merged, and told as changes."""

import json

from negotiation.identity import MAX_NAME_CHARS
from protocol.notices import MAX_NAMED, HereNotice, encode_notice
from protocol.presence import MAX_TOLD, STALE_S, Crowd
from store.notice_queue import NOTICE_BYTES

A, B = b"a", b"b"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def crowd() -> tuple[Crowd, Clock]:
    clock = Clock()
    return Crowd("chat:lobby", clock), clock


def told(event: bytes | None) -> tuple[int, list[str], list[str]] | None:
    if event is None:
        return None
    fields = json.loads(event)
    assert fields["type"] == "presence" and fields["channel"] == "chat:lobby"
    return fields["count"], [user["name"] for user in fields["joined"]], [user["name"] for user in fields["left"]]


def test_changes_are_told_once():
    here, _ = crowd()
    here.say(A, {"u1": "Ann", "u2": "Bob"}, 2)
    assert told(here.refresh()) == (2, ["Ann", "Bob"], [])
    assert here.refresh() is None
    here.say(A, {"u2": "Bob", "u3": "Cid"}, 2)
    assert told(here.refresh()) == (2, ["Cid"], ["Ann"])


def test_the_first_look_is_told_also_where_nobody_is_there():
    here, _ = crowd()
    assert here.count == -1
    assert told(here.refresh()) == (0, [], [])


def test_who_is_there_twice_is_there_once():
    here, _ = crowd()
    here.say(A, {"u1": "Ann"}, 1)
    here.say(B, {"u1": "Ann", "u2": "Bob"}, 2)
    assert told(here.refresh()) == (2, ["Ann", "Bob"], [])
    here.forget(A)
    assert here.refresh() is None
    here.forget(B)
    assert told(here.refresh()) == (0, [], ["Ann", "Bob"])


def test_a_process_that_says_nothing_is_gone():
    here, clock = crowd()
    here.say(A, {"u1": "Ann"}, 1)
    here.say(B, {"u2": "Bob"}, 1)
    here.refresh()
    clock.now_s += STALE_S - 1
    here.say(A, {"u1": "Ann"}, 1)
    assert here.refresh() is None
    clock.now_s += 2
    assert told(here.refresh()) == (1, [], ["Bob"])


def test_another_name_is_told():
    here, _ = crowd()
    here.say(A, {"u1": "Ann"}, 1)
    here.refresh()
    here.say(A, {"u1": "Anna"}, 1)
    assert told(here.refresh()) == (1, ["Anna"], [])


def test_many_are_a_number():
    here, _ = crowd()
    here.say(A, {f"u{number}": str(number) for number in range(MAX_TOLD + 1)}, MAX_TOLD + 1)
    assert told(here.refresh()) == (MAX_TOLD + 1, [], [])
    here.say(B, {}, 5000)
    assert told(here.refresh()) == (MAX_TOLD + 1 + 5000, [], [])
    assert told(here.whole()) == (MAX_TOLD + 1 + 5000, [], [])


def test_the_digest_is_that_of_who_is_there():
    here, _ = crowd()
    there, _ = crowd()
    here.say(A, {"u1": "Ann", "u2": "Bob"}, 2)
    there.say(A, {"u2": "Bob"}, 1)
    there.say(B, {"u1": "Ann"}, 1)
    here.refresh()
    there.refresh()
    assert here.digest() == there.digest()
    before = here.digest()
    here.say(A, {"u1": "Ann"}, 1)
    here.refresh()
    assert here.digest() != before


def test_the_most_that_are_named_fit_into_a_notice():
    users = {f"u_{number:016d}": "\U0001f600" * MAX_NAME_CHARS for number in range(MAX_NAMED)}
    assert len(encode_notice(HereNotice(b"p" * 6, f"chat:{'x' * 128}", users, MAX_NAMED))) <= NOTICE_BYTES
