"""Takes the pictures of the pages anew: `.venv/bin/python docs/pictures/take.py`.

A real server, a real conversation between three visitors, a real import, a real vote, a real browser (Chromium's headless shell).
Only the operator's figures are made up, since a month of them can't be waited for.
"""

import base64
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pymongo import MongoClient

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from tests.handlers.four_wires import LongPollWire, SseWire, WebSocketWire  # noqa: E402
from tests.handlers.talking import database_uri  # noqa: E402
from tests.pages.asking import ask, cookie_of  # noqa: E402
from tests.pages.browser import Visitor, publish, start_chromium  # noqa: E402
from tests.running import Server  # noqa: E402

MOST_BYTES = 150_000
START_HEIGHTS = {320: 1600, 1280: 780}
STATS_HEIGHTS = {320: 1560, 1280: 1100}
SIZES = ((320, 640), (1280, 900))

TALK = {
    "en": {
        "room": "timetable",
        "me": "Mira",
        "lines": [
            ("Jonas", ["Good morning! The new timetable goes online at ten.", "Is the station page ready?"]),
            ("Mira", ["Almost: the map is in, the French texts come in a moment."]),
            ("小雨", ["I read them on the train, they are fine.", "The tunnel cut my connection twice and nothing is missing here."]),
            ("Mira", ["Same line for me: it went on by long polling and came back by itself."]),
            ("Jonas", ["Then ten o’clock stays. Thank you both!"]),
            ("小雨", ["See you at ten."]),
        ],
    },
    "zh": {
        "room": "station",
        "me": "小雨",
        "lines": [
            ("Jonas", ["早上好！新的时刻表十点上线。", "车站页面准备好了吗？"]),
            ("小雨", ["快好了：地图已经放进去了，法语文字马上就到。"]),
            ("Mira", ["我在火车上看过了，没有问题。", "过隧道时断了两次，但这里一条消息都没少。"]),
            ("小雨", ["我也一样：中途换成了长轮询，后来自己又换回来了。"]),
            ("Jonas", ["那就还是十点，谢谢两位！"]),
            ("Mira", ["十点见。"]),
        ],
    },
}

VOTES = {
    "en": ("Where do we have lunch on Friday?", ["Noodle bar", "The new place by the river", "Canteen", "Picnic in the park"]),
    "zh": ("星期五中午去哪里吃饭？", ["面馆", "河边新开的那家", "食堂", "公园野餐"]),
}
BALLOTS = (7, 12, 3, 5)
FILES = {"en": "trips-2026.csv", "zh": "骑行记录-2026.csv"}
TRIPS = 100_000
RUNNING_PERCENT = 35
SHARES = {"websocket": 0.93, "sse": 0.052, "long-poll": 0.016, "short-poll": 0.0004}
FAULTS = {
    "websocket": {"blocked": 0.026, "swallowed": 0.019, "silent": 0.004, "flapping": 0.002, "refused": 0.006},
    "sse": {"buffered": 0.007, "one-behind": 0.002, "delayed": 0.001},
    "long-poll": {"cut": 0.003, "captive-portal": 0.0008},
}
"""Of a day's visitors."""
OPEN_NOW = ((WebSocketWire, 26), (SseWire, 3), (LongPollWire, 1))


def talk(visitor: Visitor, room: str, language: str) -> None:
    """The room with the conversation in it, the browser's own lines among them."""
    me = TALK[language]["me"]
    visitor.driver.get(visitor.base + "/?lang=" + language)
    visitor.driver.delete_all_cookies()
    visitor.open_room(room, f"?lang={language}")
    visitor.find("#name-edit").click()
    visitor.find("#name-text").clear()
    visitor.find("#name-text").send_keys(me + "\n")
    visitor.until("return document.getElementById('name').textContent === arguments[0]", me)
    cookies: dict[str, str] = {}
    for name, lines in TALK[language]["lines"]:
        if name == me:
            for line in lines:
                visitor.say(line)
        else:
            cookies[name] = publish(visitor.base, room, *lines, name=name, cookie=cookies.get(name))
        visitor.wait_for(lines[-1])


def write_trips(path: Path) -> Path:
    """Many copies of the sample that the page of jobs offers, a few lines of each cut short."""
    head, *lines = (HERE.parent.parent / "static" / "sample.csv").read_text(encoding="utf-8").splitlines()
    chance = random.Random(1)
    cut = [line if chance.random() > 0.0002 else line[:20] for line in lines * (TRIPS // len(lines))]
    path.write_text("\n".join([head, *cut]) + "\n", encoding="utf-8")
    return path


def watch_an_import(visitor: Visitor, file: Path, language: str) -> None:
    visitor.driver.get(f"{visitor.base}/progress?lang={language}")
    visitor.find("#file").send_keys(str(file))
    visitor.find("#start").click()
    is_running = "document.getElementById('job-card').getAttribute('data-state') === 'running'"
    visitor.until(
        f"return {is_running} && parseInt(document.getElementById('job-percent').textContent, 10) >= arguments[0]", RUNNING_PERCENT
    )


def vote(visitor: Visitor, language: str) -> str:
    """Where the vote is that many have voted on, this visitor among them."""
    question, choices = VOTES[language]
    visitor.driver.get(f"{visitor.base}/vote?lang={language}")
    id = ask(visitor.base, "POST", "/v1/votes", {"question": question, "choices": choices}, cookie=cookie_of(visitor))["id"]
    for choice, ballots in enumerate(BALLOTS):
        for _ in range(ballots):
            ask(visitor.base, "PUT", f"/v1/votes/{id}/ballot", {"choices": [choice]})
    ask(visitor.base, "PUT", f"/v1/votes/{id}/ballot", {"choices": [1]}, cookie=cookie_of(visitor))
    return f"/vote/{id}"


def take(visitor: Visitor, name: str) -> None:
    visitor.run("document.activeElement.blur()")
    time.sleep(0.3)
    picture = base64.b64decode(visitor.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
    assert len(picture) < MOST_BYTES, f"{name}: {len(picture)} bytes"
    (HERE / f"{name}.png").write_bytes(picture)
    print(f"{name}.png: {len(picture) // 1000} kB")


def take_jobs_and_votes(visitor: Visitor, language: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = write_trips(Path(folder) / FILES[language])
        for width, height in SIZES:
            visitor.screen(width, height)
            watch_an_import(visitor, file, language)
            take(visitor, f"progress-{width}-{language}")
            visitor.until("return document.getElementById('job-card').getAttribute('data-state') === 'done'", wait_s=60)
    address = vote(visitor, language)
    for width, height in SIZES:
        visitor.screen(width, height)
        visitor.open(address)
        take(visitor, f"vote-{width}-{language}")


def count_a_month(server: Server) -> None:
    chance = random.Random(2)
    with MongoClient(database_uri(server, "anywire")) as client:
        client.anywire.counts.delete_many({})
        for ago in range(30):
            visitors = chance.randint(2500, 4500) if ago else 1800
            verdicts = {transport: {code: round(visitors * share) for code, share in codes.items()} for transport, codes in FAULTS.items()}
            client.anywire.counts.insert_one(
                {
                    "_id": (datetime.now(UTC) - timedelta(days=ago)).date().isoformat(),
                    "connections": {transport: round(visitors * share) for transport, share in SHARES.items()},
                    "reports": round(visitors * 0.062),
                    "verdicts": {
                        transport: {code: count for code, count in counts.items() if count} for transport, counts in verdicts.items()
                    },
                }
            )


@contextlib.contextmanager
def visitors_there(server: Server) -> Iterator[None]:
    wires = [kind(server, "chat:lobby") for kind, count in OPEN_NOW for _ in range(count)]
    for wire in wires:
        wire.subscribed()
        wire.follow()
    yield
    for wire in wires:
        wire.close()


def take_stats(visitor: Visitor, server: Server) -> None:
    with visitors_there(server):
        count_a_month(server)
        for language in TALK:
            for width, height in STATS_HEIGHTS.items():
                visitor.screen(width, height)
                visitor.driver.get(f"{visitor.base}/stats?lang={language}")
                take(visitor, f"stats-{width}-{language}")


def main() -> None:
    server = Server(hold_s=5).start()
    driver = start_chromium()
    try:
        visitor = Visitor(driver, server.url)
        for language in TALK:
            visitor.screen(*SIZES[1])
            room = TALK[language]["room"]
            talk(visitor, room, language)
            for width, height in SIZES:
                visitor.screen(width, height)
                visitor.open_room(room)
                take(visitor, f"chat-{width}-{language}")
                visitor.find("#transport").click()
                take(visitor, f"chat-why-{width}-{language}")
                visitor.screen(width, height, dark=True)
                visitor.open_room(room)
                take(visitor, f"chat-dark-{width}-{language}")
                visitor.screen(width, height)
                visitor.open("/")
                visitor.screen(width, START_HEIGHTS[width])
                take(visitor, f"start-{width}-{language}")
            take_jobs_and_votes(visitor, language)
        take_stats(visitor, server)
    finally:
        driver.quit()
        server.close()


if __name__ == "__main__":
    main()
