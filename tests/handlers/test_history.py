"""Older messages, page by page (protocol, section 6)."""

import pytest


@pytest.fixture
def epoch(visitor, channel):
    """Of a channel with 100 messages."""
    return visitor.publish_all(channel, range(1, 101))[0]["position"].split("-")[0]


def offsets(page):
    return [message["offset"] for message in page["messages"]]


def test_without_before_the_newest_come(visitor, channel, epoch):
    page = visitor.history(channel)
    assert offsets(page) == list(range(51, 101)) and page["more"] is True and set(page) == {"messages", "more"}
    message = page["messages"][-1]
    assert (message["type"], message["channel"], message["position"], message["data"]) == ("message", channel, f"{epoch}-100", 100)
    assert message["user"]["id"] == visitor.id


def test_pages_meet_without_gap_or_repeat(visitor, channel, epoch):
    seen, before = [], f"{epoch}-101"
    while True:
        page = visitor.history(channel, before=before, limit=7)
        seen[:0] = offsets(page)
        if not page["more"]:
            break
        before = page["messages"][0]["position"]
    assert seen == list(range(1, 101))


@pytest.mark.parametrize(
    ("before", "limit", "first", "last", "more"),
    [
        (101, 100, 1, 100, False),
        (101, 99, 2, 100, True),
        (1, 50, 1, 0, False),
        (0, 50, 1, 0, False),
        (2, 1, 1, 1, False),
        (9999, 1000, 1, 100, False),
    ],
)
def test_more_says_whether_older_ones_are_kept(visitor, channel, epoch, before, limit, first, last, more):
    page = visitor.history(channel, before=f"{epoch}-{before}", limit=limit)
    assert offsets(page) == list(range(first, last + 1)) and page["more"] is more


def test_an_empty_channel_has_an_empty_page(visitor, channel):
    assert visitor.history(channel) == {"messages": [], "more": False}


def test_a_page_is_bounded_in_bytes(visitor, channel):
    receipts = visitor.publish_all(channel, ["x" * 60_000] * 30)
    answer = visitor.ask("GET", f"/v1/history?channel={channel}&limit=1000")
    assert len(answer.body) <= 1024 * 1024 and answer.json["more"] is True
    assert offsets(answer.json)[-1] == receipts[-1]["offset"] and len(offsets(answer.json)) >= 10


def test_a_position_of_another_life_is_a_conflict(visitor, channel, epoch):
    assert visitor.ask("GET", f"/v1/history?channel={channel}&before=0000zzzz-5").refusal() == (409, "dead-epoch", "before")


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "1.5", "1e2", "%D9%A1", "+5", "9" * 5000])
def test_a_malformed_limit_is_refused(visitor, channel, limit):
    assert visitor.ask("GET", f"/v1/history?channel={channel}&limit={limit}").refusal() == (400, "bad-request", "limit")


@pytest.mark.parametrize("before", ["5", "x", "-5", "abcd-", "abcd--1", "abcd-05", "ABCD-5", "abc-5", "abcd-99999999999999999"])
def test_a_malformed_before_is_refused(visitor, channel, before):
    assert visitor.ask("GET", f"/v1/history?channel={channel}&before={before}").refusal() == (400, "bad-position", "before")


@pytest.mark.parametrize("query", ["", "channel=", "channel=x", "channel=Chat:x", "sub=chat:x", "channel=chat:%FF", "channel=chat:%00"])
def test_a_malformed_channel_is_refused(visitor, query):
    answer = visitor.ask("GET", f"/v1/history?{query}")
    assert answer.status == 400 and answer.error["code"] in ("bad-channel", "bad-request")


def test_who_may_not_read_may_not_read_what_was(visitor):
    assert visitor.ask("GET", "/v1/history?channel=room:x").refusal()[:2] == (403, "forbidden")
    assert visitor.ask("GET", "/v1/history?channel=job:x").refusal()[:2] == (404, "not-found")
