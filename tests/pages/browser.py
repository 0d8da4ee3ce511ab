"""One visitor in one tab of Chromium, in the words of what a visitor does."""

import json
import urllib.request
from pathlib import Path

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.required import missing

HEADLESS_SHELL = Path("/usr/lib/chromium/chromium-headless-shell")
CHROMEDRIVER = "/usr/bin/chromedriver"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-smooth-scrolling",  # a key pressed in the last frame of the browser's own scroll animation is lost
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
)
WAIT_S = 10


def start_chromium(*more: str) -> Chrome:
    """Debian's headless shell with its driver; elsewhere what Selenium finds or fetches. *more* arguments are its own."""
    options = ChromeOptions()
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (*ARGUMENTS, *more):
        options.add_argument(argument)
    service = None
    if HEADLESS_SHELL.exists() and Path(CHROMEDRIVER).exists():
        options.binary_location = str(HEADLESS_SHELL)
        service = Service(CHROMEDRIVER)  # without a path Selenium would look on the network
    else:
        options.add_argument("--headless=new")
    try:
        return Chrome(options=options, service=service)
    except WebDriverException as error:
        missing("chromium", f"Chromium ({error.msg})")


def publish(base: str, room: str, *texts: str, name: str | None = None, cookie: str | None = None) -> str:
    """Publishes in order, as the visitor of *cookie* or a new one; returns the visitor's cookie."""
    if cookie is None:
        with urllib.request.urlopen(f"{base}/v1/negotiate", timeout=10) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        if name:
            cookie = _post(f"{base}/v1/me", {"name": name}, cookie) or cookie
    for start in range(0, len(texts), 100):
        messages = [{"channel": f"chat:{room}", "data": {"text": text}} for text in texts[start : start + 100]]
        _post(f"{base}/v1/publish", {"messages": messages}, cookie)
    return cookie


def _post(url: str, body: object, cookie: str) -> str | None:
    """The cookie that comes back, if one does."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", "Cookie": cookie})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return (answer.headers["Set-Cookie"] or "").partition(";")[0] or None


class Visitor:
    def __init__(self, driver: Chrome, base: str) -> None:
        self.driver = driver
        self.base = base

    def screen(self, width: int, height: int, *, dark: bool = False, reduced_motion: bool = True) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, path: str) -> None:
        self.driver.get(self.base + path)
        self.until("return document.documentElement.getAttribute('data-anywire-state') === 'open'")

    def open_room(self, room: str, query: str = "") -> None:
        self.open(f"/chat/{room}{query}")
        self.until("return !!document.querySelector('#messages .joined')")

    def run(self, script: str, *arguments: object) -> object:
        return self.driver.execute_script(script, *arguments)

    def until(self, script: str, *arguments: object, wait_s: float = WAIT_S) -> object:
        return WebDriverWait(self.driver, wait_s, 0.05).until(lambda driver: driver.execute_script(script, *arguments), script)

    def find(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def keys(self, *keys: str) -> None:
        """To whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self) -> str:
        return str(self.run("return document.activeElement.id"))

    def say(self, text: str) -> None:
        self.find("#text").send_keys(text, Keys.ENTER)

    def texts(self) -> list[str]:
        """What the log has, in the order shown."""
        return self.run(
            "return Array.prototype.map.call(document.querySelectorAll('#messages [data-offset] .text'),"
            " function (node) { return node.textContent; })"
        )

    def wait_for(self, text: str) -> None:
        WebDriverWait(self.driver, WAIT_S, 0.05).until(lambda _: text in self.texts(), f"{text!r} is not in the list")

    def errors(self) -> list[str]:
        """What the browser's console complains of, once."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
