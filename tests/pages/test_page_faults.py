"""What a real server seldom does, brought about by a stand-in for the wire: gaps, late acknowledgements, lost connections."""

from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_wire.js").read_text(encoding="utf-8")


@pytest.fixture
def page(visitor):
    """A room whose wire is the stand-in, open and subscribed, with messages 41 to 43."""
    added = visitor.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": FAKE})
    visitor.screen(1000, 700)
    visitor.driver.get(f"{visitor.base}/chat/faults")
    visitor.run("fake.become('open', 'websocket'); fake.bring({type: 'subscribed', position: 'e-40', recovered: true});")
    bring(visitor, 41, 42, 43)
    visitor.until("return !!document.querySelector('#messages .joined')")
    yield visitor
    visitor.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": added["identifier"]})


def bring(page, *offsets: int) -> None:
    for offset in offsets:
        page.run("fake.bring(fake.message(arguments[0]))", offset)


def offsets(page) -> list[int]:
    return page.run(
        "return Array.prototype.map.call(document.querySelectorAll('#messages [data-offset]'),"
        " function (item) { return Number(item.getAttribute('data-offset')); })"
    )


def notes(page) -> list[str]:
    return [node.text.rpartition(" ")[0] for node in page.driver.find_elements("css selector", "#messages .note")]


def unsent(page) -> list[list[str]]:
    return page.run(
        "return Array.prototype.map.call(document.querySelectorAll('#messages [data-id]'),"
        " function (item) { return [item.querySelector('.text').textContent, item.querySelector('.meta').textContent]; })"
    )


def test_lines_about_the_connection(page):
    assert notes(page) == ["You joined faults as Me.", "Connected by WebSocket."]
    page.run("fake.become('waiting', null); fake.become('connecting', null); fake.become('waiting', null)")
    assert page.find("#transport-name").text == "trying again…"
    page.run("fake.become('open', 'sse')")
    assert notes(page)[-2:] == ["Connection lost, trying again.", "Connected by SSE."]
    page.run("fake.become('open', 'websocket')")
    assert notes(page)[-1] == "Connected by WebSocket."
    page.run("for (var i = 0; i < 40; i += 1) { fake.become('waiting', null); fake.become('open', 'websocket'); }")
    assert len(notes(page)) <= 4, "a network that comes and goes fills the list"


def test_a_gap_in_mid_stream_replaces_the_list(page):
    page.run("fake.bring({type: 'subscribed', position: 'e-899', recovered: false})")
    bring(page, 900, 901)
    assert offsets(page) == [900, 901]
    assert "Some messages in between are no longer kept." in notes(page)
    assert page.find("#older").is_displayed()


def test_a_new_epoch_begins_at_lower_offsets(page):
    page.run("fake.bring({type: 'subscribed', position: 'f-0', recovered: false})")
    bring(page, 1, 2)
    assert offsets(page) == [1, 2]
    assert not page.find("#older").is_displayed()


def test_what_came_before_is_not_shown_twice_and_nothing_is_left_out(page):
    bring(page, 42, 43, 44)
    assert offsets(page) == [41, 42, 43, 44]
    bring(page, 60, 61)
    assert offsets(page) == [60, 61], "a list with a hole in it"


def test_older_pages_overlap_or_end(page):
    page.run("fake.answers = [{messages: [fake.message(39), fake.message(40), fake.message(41)], more: true}, {messages: [], more: false}]")
    page.find("#older").click()
    assert offsets(page) == [39, 40, 41, 42, 43]
    page.find("#older").click()
    assert page.run("return fake.asked") == ["e-41", "e-39"]
    assert not page.find("#older").is_displayed()
    assert page.focused() == "log"


def test_acknowledgement_first_then_the_message(page):
    page.say("mine")
    assert unsent(page) == [["mine", "sending…"]]
    page.run("fake.settle(0, null, {offset: 45, id: 'id-0', time: 0})")
    assert "sending" not in unsent(page)[0][1]
    bring(page, 44)
    page.run("fake.bring(fake.message(45, 'id-0', 'u_me'))")
    assert offsets(page) == [41, 42, 43, 44, 45]
    assert unsent(page) == []


def test_the_message_first_then_its_acknowledgement(page):
    page.say("mine")
    page.say("second")
    page.run("fake.bring(fake.message(44, 'id-0', 'u_me')); fake.settle(0, null, {offset: 44, id: 'id-0', time: 0})")
    assert offsets(page) == [41, 42, 43, 44]
    assert unsent(page) == [["second", "sending…"]]
    bring(page, 45)
    page.run("fake.bring(fake.message(46, 'id-1', 'u_me'))")
    assert offsets(page) == [41, 42, 43, 44, 45, 46]
    assert page.run("return document.querySelector('#messages > :last-child').getAttribute('data-offset')") == "46"


def test_a_repeat_of_an_old_message_leaves_the_list(page):
    page.say("said before")
    page.run("fake.settle(0, null, {offset: 12, id: 'id-0', time: 0, duplicate: true})")
    assert unsent(page) == []
    assert offsets(page) == [41, 42, 43]


def test_unsent_messages_of_before_a_reload(page):
    page.run("fake.pendingNow = [{id: 'old-1', channel: 'chat:x', data: {text: 'typed before'}}]")
    page.find("#connect").click()
    page.find("#connect").click()
    assert unsent(page) == [["typed before", "sending…"]]
    page.run("fake.pendingNow = []")
    page.until("return !document.querySelector('#messages [data-id]')", wait_s=6)


def test_a_refused_message_can_be_sent_again_or_dropped(page):
    page.say("a")
    page.say("b")
    page.run("fake.settle(0, {code: 'forbidden', message: 'x'}); fake.settle(1, {code: 'odd', message: 'the server’s words'})")
    assert unsent(page)[0][1].startswith("Not sent: this is not allowed here")
    assert unsent(page)[1][1].startswith("Not sent: the server’s words")
    page.find("#messages .failed button").click()
    assert page.run("return fake.sent.map(function (one) { return one.data.text; })") == ["a", "b", "a"]
    page.find("#messages .failed button:last-child").click()
    assert unsent(page) == [["a", "sending…"]]


def test_a_name_that_is_refused_stays_in_the_form(page):
    page.find("#name-edit").click()
    page.find("#name-text").send_keys("\n")
    assert page.find("#name-notice").text == "The name was not changed: no such name"
    assert page.focused() == "name-text"


def test_data_of_other_programs_is_shown_as_it_is(page):
    page.run("var m = fake.message(44); m.data = {a: [1, null]}; m.user = null; fake.bring(m)")
    assert page.find("#messages [data-offset='44'] .text").text == '{"a":[1,null]}'
    assert page.find("#messages [data-offset='44'] .author").text == "Somebody"


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        (["websocket.swallowed"], "WebSocket: no answer at all."),
        (["websocket.blocked"], "WebSocket: blocked on the way."),
        (["websocket.something-new"], "WebSocket: something-new."),
        ([], "It is the best one that answered."),
    ],
)
def test_the_panel_says_why_not_a_better_one(page, attempts, expected):
    page.run(
        "fake.wire.attempts = arguments[0].map(function (verdict) {"
        " return {transport: 'websocket', verdict: verdict, startedMs: 0, endedMs: 251}; })"
        ".concat([{transport: 'sse', verdict: 'ok', startedMs: 250, helloMs: 300}]); fake.become('open', 'sse')",
        attempts,
    )
    page.find("#transport").click()
    assert page.find("#transport-why").text == f"This page uses SSE. {expected}"
    items = [node.text for node in page.driver.find_elements("css selector", "#transport-attempts li")]
    assert items[-1] == "SSE works 50 ms\nstarted at 250 ms"
    assert len(items) == len(attempts) + 1


ATTEMPTS = """fake.wire.attempts = [
    {transport: 'websocket', verdict: 'websocket.swallowed', startedMs: 3, endedMs: 10004, phases: {}},
    {transport: 'sse', verdict: 'sse.delayed', startedMs: 254, helloMs: 2270, endedMs: 2300,
     phases: {open: 260, hello: 2270}, delayMs: 2000},
    {transport: 'sse', verdict: 'sse.one-behind', startedMs: 4000, endedMs: 5500, phases: {odd: 4001}},
    {transport: 'long-poll', verdict: 'long-poll.cut', startedMs: 1254, helloMs: 1264, endedMs: 31264,
     phases: {hello: 1264, proven: 2270}, cutMs: 30000},
    {transport: 'sse', verdict: 'sse.cut', startedMs: 32000, helloMs: 32001, endedMs: 157321, phases: {hello: 32001}},
    {transport: 'short-poll', verdict: 'ok', startedMs: 31300, helloMs: 31312, phases: {hello: 31312, proven: 31312}},
    {transport: 'websocket', verdict: '', startedMs: 61300, phases: {}}
]; fake.become('open', 'short-poll');"""


def test_the_panel_tells_each_attempt_with_its_times(page):
    page.run(ATTEMPTS)
    page.find("#transport").click()
    assert [node.text for node in page.driver.find_elements("css selector", "#transport-attempts li")] == [
        "WebSocket no answer at all 10 s\nstarted at 3 ms · ended after 10 s",
        "SSE events come 2 s late\nstarted at 254 ms · opened after 6 ms · answered after 2 s · ended after 2 s",
        "SSE each event is held back until the next one comes 1.5 s\nstarted at 4 s · ended after 1.5 s",
        "long polling cut off on the way after 30 s\nstarted at 1.3 s · answered after 10 ms · proven after 1 s · ended after 30 s",
        "SSE cut off on the way 2 min 5 s\nstarted at 32 s · answered after 1 ms · ended after 2 min 5 s",
        "short polling works 12 ms\nstarted at 31.3 s · answered after 12 ms · proven after 12 ms",
        "WebSocket being tried…\nstarted at 1 min 1 s",
    ]
    # why not the better one is known from before, while it is tried once more
    assert page.find("#transport-why").text == (
        "This page uses short polling. WebSocket: no answer at all. SSE: cut off on the way. long polling: cut off on the way after 30 s."
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_passed_on_is_plain_text_and_copied_without_the_newer_interface(page, language):
    page.driver.get(f"{page.base}/chat/faults?lang={language}")
    page.run(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined}); document.addEventListener('copy', function () {"
        " window.copied = String(window.getSelection()); });" + ATTEMPTS
    )
    page.find("#transport").click()
    page.find("#transport-panel summary").click()
    page.find("#transport-copy").click()
    page.until(
        "return document.getElementById('transport-copied').textContent === arguments[0]", {"en": "Copied.", "zh": "已复制。"}[language]
    )
    lines = page.run("return window.copied").rstrip("\n").split("\n")
    assert lines[0] == "transport: short-poll, state: open"
    assert [line.partition(": ")[0] for line in lines[1:4]] == ["page", "browser", "time"]
    assert lines[4:] == [
        "websocket   swallowed       started 3 ms, ended 10004 ms",
        "sse         delayed         started 254 ms, open 260 ms, hello 2270 ms, ended 2300 ms, late by 2000 ms",
        "sse         one-behind      started 4000 ms, odd 4001 ms, ended 5500 ms",
        "long-poll   cut             started 1254 ms, hello 1264 ms, proven 2270 ms, ended 31264 ms, cut after 30000 ms",
        "sse         cut             started 32000 ms, hello 32001 ms, ended 157321 ms",
        "short-poll  ok              started 31300 ms, hello 31312 ms, proven 31312 ms",
        "websocket   trying          started 61300 ms",
    ]
