"""Takes the pictures of the pages anew: `.venv/bin/python docs/pictures/take.py`.

A real server, a real conversation between three visitors, a real browser (Chromium's headless shell).
"""

import base64
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from tests.pages.browser import Visitor, publish, start_chromium  # noqa: E402
from tests.running import Server  # noqa: E402

MOST_BYTES = 150_000
START_HEIGHTS = {320: 1600, 1280: 780}
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


def take(visitor: Visitor, name: str) -> None:
    visitor.run("document.activeElement.blur()")
    time.sleep(0.3)
    picture = base64.b64decode(visitor.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
    assert len(picture) < MOST_BYTES, f"{name}: {len(picture)} bytes"
    (HERE / f"{name}.png").write_bytes(picture)
    print(f"{name}.png: {len(picture) // 1000} kB")


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
    finally:
        driver.quit()
        server.close()


if __name__ == "__main__":
    main()
