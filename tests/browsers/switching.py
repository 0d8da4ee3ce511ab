"""Random changes of transport, up and down, under traffic both ways: what was lost, and how long each change was felt.

    .venv/bin/python -m tests.browsers.switching --changes 1000

Method: several pages in one Chromium, each behind a box of its own (switching_box.py) that allows and denies transports
at the page's random wish (switching_page.js), cuts what it no longer allows, and after an improvement the page is told
that it is online. The pages publish 200 messages a second in all, and another client as many, straight to the server.
Each page's channel is read from the log afterwards: the page must have delivered exactly that, once and in order.

A change's pause is the longest gap between two deliveries around it, from when it is ordered until 50 ms after the page
uses what it is to use, less the normal spacing: that of the messages, and the interval of polling where one of the two
transports is short polling. One more page talks as much and never changes: its own longest gap at that moment is what the
machine was busy with, and the pause less that is the change's net pause.
"""

import argparse
import asyncio
import bisect
import itertools
import json
import secrets
import statistics
import threading
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from selenium.webdriver.remote.webdriver import WebDriver
from tornado.websocket import websocket_connect

from tests.browsers.switching_box import SwitchingBox
from tests.pages.browser import start_chromium
from tests.running import Server

PAGES = 3
RATE = 200  # messages a second, each way, over all pages that change
PAUSE_MS = 150  # what a change may cost, but for one in a hundred
POLL_MS = 100
AFTER_MS = 50
SETTLE_S = 20.0
CHANGE_S = 1.0  # far more than one takes: when all is given up
PAGE = (
    "<!doctype html><meta charset=utf-8><title>switching</title><script src=/anywire.js></script><script>"
    + (Path(__file__).parent / "switching_page.js").read_text(encoding="utf-8")
    + "</script>"
)
FRAMES = "<!doctype html><meta charset=utf-8><title>frames</title><body></body>"


class Change(NamedTuple):
    way: str
    pause_ms: float
    net_ms: float
    took_ms: float


class Outcome(NamedTuple):
    changes: list[Change]
    delivered: int
    faults: list[str]
    """What must not be: in words, with the page's channel."""
    seconds: float

    def pause_ms(self, share: float) -> float:
        return _percentile([change.pause_ms for change in self.changes], share)

    def net_ms(self, share: float) -> float:
        return _percentile([change.net_ms for change in self.changes], share)


class Talker:
    """Another client: publishes to the channels in turn over one WebSocket, on a thread of its own."""

    def __init__(self, server: Server, channels: list[str]):
        self._url = f"{server.websocket_url}"
        self._channels = channels
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._talk()), daemon=True)
        self.said = 0
        self.stored = 0
        self._thread.start()

    def end(self) -> None:
        """Returns when all that it said is stored."""
        self._is_over.set()
        self._thread.join(SETTLE_S)

    def _heard(self, text: str | bytes | None) -> None:
        if text is not None and json.loads(text)["type"] == "ack":
            self.stored += 1

    async def _talk(self) -> None:
        socket = await websocket_connect(self._url, on_message_callback=self._heard, subprotocols=["anywire.v1"])
        begin, own = time.monotonic(), secrets.token_hex(16)
        while not self._is_over.is_set() or self.stored < self.said:
            due = 0 if self._is_over.is_set() else int((time.monotonic() - begin) * RATE * len(self._channels) / PAGES)
            while self.said < due:
                number, page = divmod(self.said, len(self._channels))
                frame = {"type": "publish", "ref": self.said + 1, "channel": self._channels[page]}
                frame |= {"id": f"{own}-{self.said}", "data": {"text": f"other {number}"}}
                await socket.write_message(json.dumps(frame))
                self.said += 1
            await asyncio.sleep(0.005)
        socket.close()


def _log_of(server: Server, channel: str) -> list[tuple[int, str]]:
    """Offset and text of each message of *channel* that is stored."""
    found: list[tuple[int, str]] = []
    before = ""
    while True:
        query = f"channel={channel}&limit=500{before}"
        with urllib.request.urlopen(f"{server.url}/v1/history?{query}", timeout=10) as answer:
            page = json.load(answer)
        found = [(message["offset"], message["data"]["text"]) for message in page["messages"]] + found
        if not page["more"]:
            return found
        before = f"&before={page['messages'][0]['position']}"


def _longest_ms(times: list[float], from_: float, to: float) -> float:
    """The longest gap that touches that time."""
    first = max(0, bisect.bisect_left(times, from_) - 1)
    near = times[first : bisect.bisect_right(times, to) + 1]
    return max((later - earlier for earlier, later in itertools.pairwise(near)), default=0.0)


def _judge(change: dict[str, Any], times: list[float], still_times: list[float], spacing_ms: float) -> Change:
    during = change["startMs"], change["endMs"] + AFTER_MS
    normal_ms = POLL_MS if "short-poll" in (change["from"], change["to"]) else spacing_ms
    pause_ms = max(0.0, _longest_ms(times, *during) - normal_ms)
    busy_ms = max(0.0, _longest_ms(still_times, *during) - spacing_ms)
    way = f"{change['from']} → {change['to']}"
    return Change(way, pause_ms, max(0.0, pause_ms - busy_ms), change["endMs"] - change["startMs"])


def _faults(channel: str, page: dict[str, Any], log: list[tuple[int, str]], said_by_other: int) -> list[str]:
    faults = [f"{channel}: {error}" for error in page["errors"]]
    delivered = [(offset, text) for _, offset, text in page["deliveries"]]
    if delivered != log:
        at = next((number for number, pair in enumerate(zip(delivered, log, strict=False)) if pair[0] != pair[1]), len(delivered))
        faults.append(
            f"{channel}: the page has {len(delivered)} of {len(log)}; from {at} on {delivered[at : at + 3]}, the log {log[at : at + 3]}"
        )
    if [offset for offset, _ in log] != list(range(1, len(log) + 1)):
        faults.append(f"{channel}: the log has a hole")
    for who, said in (("page", page["said"]), ("other", said_by_other)):
        texts = [text for _, text in log if text.startswith(who)]
        if texts != [f"{who} {number}" for number in range(said)]:
            at = next((number for number, text in enumerate(texts) if text != f"{who} {number}"), len(texts))
            found = f"{len(texts)}, {len(set(texts))} different ones; from {at} on {texts[at : at + 4]}"
            faults.append(f"{channel}: of {said} that {who} said the log has {found}")
    if page["stored"] != page["said"]:
        faults.append(f"{channel}: {page['stored']} acknowledged of {page['said']}")
    return faults


def switch(server: Server, driver: WebDriver, changes: int) -> Outcome:
    """*server* has to have poll_s=0.1 and no limit of publishing."""
    seed = secrets.randbelow(2**20) + 1
    channels = [f"chat:switching-{seed}-{number}" for number in range(PAGES + 1)]  # of the last one the page is still
    driver.get(f"{server.url}/")  # brings the cookie, which pays no heed to ports
    with ExitStack() as stack:
        own = {"/box/page": PAGE, "/box/frames": FRAMES}
        boxes = [stack.enter_context(SwitchingBox(server.port, own)) for _ in channels]
        sources = [
            f"{box.url}/box/page?channel={channel}&changes={(changes + number) // PAGES if number < PAGES else 0}"
            f"&seed={seed + number}&every={1000 * PAGES // RATE}"
            for number, (box, channel) in enumerate(zip(boxes, channels, strict=True))
        ]
        driver.get(f"{boxes[0].url}/box/frames")
        talker = Talker(server, channels)
        begin = time.monotonic()
        frames = "".join(f'<iframe src="{source}"></iframe>' for source in sources)
        driver.execute_script("document.body.innerHTML = arguments[0]", frames)
        deadline = begin + CHANGE_S * changes / PAGES + SETTLE_S
        for number in range(PAGES):
            _until(driver, number, "return !!window.switching && switching.isOver", deadline)
        seconds = time.monotonic() - begin
        _in_frame(driver, PAGES, "switching.end()")
        talker.end()
        pages = [
            _settled(driver, number, len(_log_of(server, channel)), time.monotonic() + SETTLE_S) for number, channel in enumerate(channels)
        ]
        driver.get("about:blank")  # nobody is left who would come again while the boxes end
    times = [[at_ms for at_ms, _, _ in page["deliveries"]] for page in pages]
    found = [
        _judge(change, times[number], times[PAGES], 1000 * PAGES / (2 * RATE))
        for number, page in enumerate(pages)
        for change in page["changes"]
    ]
    faults = [
        fault
        for number, (channel, page) in enumerate(zip(channels, pages, strict=True))
        for fault in _faults(channel, page, _log_of(server, channel), len(range(number, talker.said, PAGES + 1)))
    ]
    if talker.stored != talker.said:
        faults.append(f"the other client: {talker.stored} acknowledged of {talker.said}")
    return Outcome(found, sum(map(len, times)), faults, seconds)


def _in_frame(driver: WebDriver, number: int, script: str) -> Any:
    driver.switch_to.default_content()
    driver.switch_to.frame(number)
    return driver.execute_script(script)


def _until(driver: WebDriver, number: int, script: str, deadline: float) -> None:
    """True in that page, or the time is over: then what is missing is found in what it has."""
    while not _in_frame(driver, number, script) and time.monotonic() < deadline:
        time.sleep(0.1)


def _settled(driver: WebDriver, number: int, stored: int, deadline: float) -> dict[str, Any]:
    """What that page has to tell once it has everything, and has what it said acknowledged."""
    _until(driver, number, f"return switching.stored >= switching.said && switching.deliveries.length >= {stored}", deadline)
    page: dict[str, Any] = _in_frame(driver, number, "return switching")
    return page


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def report(outcome: Outcome) -> None:
    for way, count in sorted(Counter(change.way for change in outcome.changes).items()):
        these = outcome._replace(changes=[change for change in outcome.changes if change.way == way])
        took_ms = statistics.median(change.took_ms for change in these.changes)
        print(
            f"{way:24} {count:4}   pause median {these.pause_ms(0.5):4.0f}, longest {these.pause_ms(1):4.0f} ms;"
            f" net {these.net_ms(0.5):4.0f}, {these.net_ms(1):4.0f} ms   took {took_ms:4.0f} ms"
        )
    print(f"{len(outcome.changes)} changes in {outcome.seconds:.0f} s, {outcome.delivered} messages delivered")
    for name, of in (("pause", outcome.pause_ms), ("net pause", outcome.net_ms)):
        print(f"{name}: median {of(0.5):.0f}, p90 {of(0.9):.0f}, p99 {of(0.99):.0f}, longest {of(1):.0f} ms")
    print("\n".join(outcome.faults) or "none lost, doubled or out of order")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=1000)
    given = parser.parse_args()
    server = Server(poll_s=POLL_MS / 1000).start()
    driver = start_chromium()
    try:
        outcome = switch(server, driver, given.changes)
    finally:
        driver.quit()
        server.close()
    report(outcome)
    return bool(outcome.faults or server.tracebacks() or outcome.net_ms(0.99) >= PAUSE_MS)


if __name__ == "__main__":
    raise SystemExit(main())
