"""The chat page in Chromium, on a real server: what is shown, kept, sent and loaded."""

import itertools

import pytest

from tests.pages.browser import Visitor, publish

ROOMS = (f"page-{number}" for number in itertools.count(1))


@pytest.fixture
def room() -> str:
    """A room that nobody has used."""
    return next(ROOMS)


@pytest.fixture(autouse=True)
def quiet_console(visitor):
    """Whatever a test does, the browser has nothing to complain of, the content security policy included."""
    visitor.errors()
    visitor.screen(1000, 700)
    yield
    assert [line for line in visitor.errors() if "Content Security Policy" in line or "Uncaught" in line] == []


def distance_from_end(visitor) -> float:
    return visitor.run("var log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight")


def scroll(visitor, top: int) -> None:
    """Returns when the page has heard of it."""
    visitor.driver.execute_async_script(
        """
        var log = document.getElementById('log');
        var heard = arguments[1];
        log.addEventListener('scroll', function () { heard(); }, {once: true});
        log.scrollTop = arguments[0];
        """,
        top,
    )


def test_text_is_shown_as_text(visitor, room):
    evil = [
        "<img src=x onerror=\"document.title='hacked'\">",
        "<script>document.title='hacked'</script>",
        "&lt;b&gt;",
        "a\u2028b",
        "{name}",
    ]
    publish(visitor.base, room, *evil, name="<b>Ann</b>")
    visitor.open_room(room)
    assert visitor.texts() == evil
    assert visitor.run("return document.querySelectorAll('#messages img, #messages script, #messages b').length") == 0
    assert visitor.find("#messages .author").text == "<b>Ann</b>"
    assert visitor.driver.title == f"{room} · Anywire"


def test_who_wrote_when(visitor, room):
    visitor.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Pacific/Kiritimati"})
    publish(visitor.base, room, "hello", "again", name="周小雨")
    visitor.open_room(room)
    visitor.say("mine")
    visitor.wait_for("mine")
    shown = visitor.run(
        "return Array.prototype.map.call(document.querySelectorAll('#messages [data-offset]'), function (item) {"
        " var time = item.querySelector('time'), date = new Date(time.getAttribute('datetime'));"
        " return [item.querySelector('.author').textContent, item.className, time.textContent,"
        " ('0' + date.getHours()).slice(-2) + ':' + ('0' + date.getMinutes()).slice(-2)]; })"
    )
    visitor.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})
    assert [line[0] for line in shown[:2]] == ["周小雨", "周小雨"]
    assert [line[1] for line in shown] == ["message", "message follows", "message mine"]
    assert all(line[2] == line[3] for line in shown)
    assert visitor.find("#messages .day").text == "Today"
    assert visitor.find("#messages time").get_attribute("datetime").endswith("Z")


def test_history_loads_on_scrolling_up_and_keeps_the_place(visitor, room):
    publish(visitor.base, room, *[f"line {number}" for number in range(1, 131)])
    visitor.open_room(room)
    assert visitor.texts() == [f"line {number}" for number in range(81, 131)]
    assert distance_from_end(visitor) < 2
    scroll(visitor, 300)
    place = "return document.querySelector('#messages [data-offset=\"90\"]').getBoundingClientRect().top"
    before = visitor.run(place)
    scroll(visitor, 20)
    visitor.until("return !!document.querySelector('#messages [data-offset=\"31\"]')")
    assert abs(visitor.run(place) - before - 280) < 3, "what was read has moved"
    scroll(visitor, 0)
    visitor.until("return !!document.querySelector('#messages [data-offset=\"1\"]')")
    assert visitor.texts() == [f"line {number}" for number in range(1, 131)]
    assert not visitor.find("#older").is_displayed()
    assert len(visitor.driver.find_elements("css selector", "#messages .day")) == 1


def test_the_list_scrolls_and_not_the_page(visitor, room):
    publish(visitor.base, room, *[f"line {number}" for number in range(80)])
    visitor.open_room(room)
    for width, height in ((1000, 700), (320, 568)):
        visitor.screen(width, height)
        assert visitor.run("return document.documentElement.scrollHeight") == height
        assert visitor.find("#send").rect["y"] + visitor.find("#send").rect["height"] < height
    assert distance_from_end(visitor) < 2


def test_new_messages_wait_below_while_one_reads_above(visitor, room):
    publish(visitor.base, room, *[f"line {number}" for number in range(60)])
    visitor.open_room(room)
    visitor.wait_for("line 59")
    visitor.until("var log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 2")
    scroll(visitor, 200)
    publish(visitor.base, room, "news")
    visitor.until("return document.getElementById('below').textContent === '1 new message below'")
    publish(visitor.base, room, "more news")
    visitor.until("return document.getElementById('below').textContent === '2 new messages below'")
    assert visitor.run("return document.getElementById('log').scrollTop") == 200
    visitor.find("#below").click()
    assert distance_from_end(visitor) < 2
    assert not visitor.find("#below").is_displayed()
    assert visitor.focused() == "log"


def test_at_most_500_items_while_following(visitor, room):
    visitor.open_room(room)
    for start in range(1, 901, 100):
        publish(visitor.base, room, *[f"line {number}" for number in range(start, start + 100)])
    visitor.wait_for("line 900")
    visitor.until("return document.getElementById('messages').childNodes.length <= 500")
    texts = visitor.texts()
    first = int(texts[0].removeprefix("line "))
    assert texts == [f"line {number}" for number in range(first, 901)]
    assert visitor.find("#messages > :first-child").get_attribute("class") == "day"
    assert distance_from_end(visitor) < 2
    scroll(visitor, 0)
    visitor.until("return !!document.querySelector('#messages [data-offset=\"' + (arguments[0] - 50) + '\"]')", first)


def test_disconnect_and_connect_miss_nothing(visitor, room):
    visitor.open_room(room)
    visitor.say("first")
    visitor.wait_for("first")
    visitor.find("#connect").click()
    visitor.until("return document.getElementById('transport-name').textContent === 'disconnected'")
    publish(visitor.base, room, *[f"meanwhile {number}" for number in range(70)])
    visitor.say("not yet")
    assert "Connect first" in visitor.find("#notice").text
    assert visitor.find("#text").get_attribute("value") == "not yet"
    visitor.find("#connect").click()
    visitor.wait_for("meanwhile 69")
    visitor.find("#send").click()
    visitor.wait_for("not yet")
    assert visitor.texts() == ["first", *[f"meanwhile {number}" for number in range(70)], "not yet"]
    notes = [node.text for node in visitor.driver.find_elements("css selector", "#messages .note")]
    assert "Disconnected." in " ".join(notes)


def test_a_message_that_cannot_be_sent_says_why(visitor, room):
    visitor.open_room(room)
    visitor.run("document.getElementById('text').value = new Array(70000).join('x'); document.getElementById('send').click()")
    visitor.until("return !!document.querySelector('#messages .failed')")
    assert "Not sent: the message is too long" in visitor.find("#messages .failed .meta").text
    again, discard = visitor.find("#messages .failed").find_elements("css selector", "button")
    again.click()
    visitor.until("return document.querySelectorAll('#messages .failed').length === 1")
    visitor.find("#messages .failed button:last-child").click()
    assert visitor.run("return document.querySelectorAll('#messages .message').length") == 0
    assert visitor.focused() == "text"
    visitor.say("short")
    visitor.wait_for("short")


def test_what_was_typed_while_the_server_is_away_is_marked_and_sent_once(visitor, room, start_server):
    own = start_server(hold_s=2, heartbeat_s=1, poll_s=0.2)
    visitor.base = own.url
    visitor.open_room(room)
    own.kill()
    visitor.say("one")
    visitor.say("two")
    unsent = visitor.driver.find_elements("css selector", "#messages [data-id]")
    assert [item.find_element("css selector", ".meta").text for item in unsent] == ["sending…", "sending…"]
    assert visitor.texts() == []
    visitor.driver.execute_script("window.stop()")
    own.start()
    visitor.wait_for("two")
    assert visitor.texts() == ["one", "two"]
    assert not visitor.driver.find_elements("css selector", "#messages .unsent")


def test_the_name_changes_for_all_that_is_written_next(visitor, room):
    visitor.open_room(room)
    visitor.find("#name-edit").click()
    visitor.find("#name-text").clear()
    visitor.find("#name-text").send_keys("Ann & <i>Bob</i>\n")
    visitor.until("return document.getElementById('name').textContent === 'Ann & <i>Bob</i>'")
    visitor.say("hi")
    visitor.wait_for("hi")
    assert visitor.find("#messages .mine .author").get_attribute("textContent") == "Ann & <i>Bob</i>"
    visitor.driver.refresh()
    visitor.wait_for("hi")
    assert visitor.find("#name").text == "Ann & <i>Bob</i>"


def test_title_counts_what_came_unseen(visitor, room):
    visitor.open_room(room)
    hide = "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
    visitor.run(hide, True)
    publish(visitor.base, room, "a", "b")
    visitor.until("return document.title.indexOf('(2) ') === 0")
    visitor.run(hide + "document.dispatchEvent(new Event('visibilitychange'))", False)
    assert visitor.driver.title == f"{room} · Anywire"


@pytest.mark.parametrize("transport", ["websocket", "sse", "long-poll", "short-poll"])
def test_panel_forces_each_transport_and_says_so(visitor, room, transport):
    visitor.open_room(room)
    visitor.find("#transport").click()
    visitor.find(f"#transport-panel a[data-force='{transport}']").click()
    visitor.until("return document.documentElement.getAttribute('data-anywire-transport') === arguments[0]", transport)
    visitor.until("return document.getElementById('transport').getAttribute('data-state') === 'open'")
    visitor.find("#transport").click()
    assert "its address asks for it" in visitor.find("#transport-why").text
    assert visitor.find("#transport-panel a[aria-current]").get_attribute("data-force") == transport
    assert visitor.find("#transport-attempts li").text
    visitor.find("#transport-close").click()
    visitor.say("over this one")
    visitor.wait_for("over this one")


def test_panel_text_can_be_copied(visitor, room):
    visitor.open_room(room)
    visitor.find("#transport").click()
    visitor.find("#transport-panel summary").click()
    assert "transport: websocket, state: open" in visitor.find("#transport-report").text
    visitor.find("#transport-copy").click()
    visitor.until("return document.getElementById('transport-copied').textContent !== ''")


def test_start_page_shows_the_transport_and_leads_to_rooms(visitor):
    visitor.open("/")
    visitor.until("return document.getElementById('transport-name').textContent === 'WebSocket'")
    assert "nothing is faster" in visitor.find("#live-why").text
    visitor.find("#room").send_keys("from the form\n")
    visitor.until("return location.pathname === '/chat/from-the-form'")


def test_language_changes_by_a_link_and_stays(visitor, room):
    visitor.open("/")
    visitor.find(".languages a").click()
    visitor.until("return document.documentElement.lang === 'zh'")
    visitor.open_room(room)
    assert visitor.find("#send").text == "发送"
    assert "已通过 WebSocket 连接" in visitor.find("#messages .connection").text


def test_a_transport_that_the_operator_left_out_is_said_and_what_is_typed_still_goes(start_server, browser):
    server = start_server(transports="websocket,long-poll")
    visitor = Visitor(browser, server.url)
    visitor.driver.get(f"{server.url}/chat/left-out?transport=sse&lang=en")
    visitor.until("return document.body.textContent.indexOf('is not to be had here') >= 0")
    visitor.say("by a plain request")
    visitor.driver.get(f"{server.url}/chat/left-out?lang=en")
    visitor.wait_for("by a plain request")
    visitor.driver.get(f"{server.url}/chat/left-out?transport=sse&lang=zh")
    visitor.until("return document.body.textContent.indexOf('这里没有本页所要求的连接方式') >= 0")
    visitor.driver.get(f"{server.url}/?lang=en")
