"""A real browser without a window, for tests of pages and for the pictures in docs/images."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = not (CHROMIUM and DRIVER)
REASON = "needs chromium and chromedriver (Debian: chromium, chromium-driver)"


@contextmanager
def open_browser(width: int = 1500, height: int = 1100) -> Iterator[Chrome]:
    """Chromium with a page of this size."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = Chrome(options=options, service=Service(str(DRIVER)))
    try:
        set_page(browser, width, height)
        yield browser
    finally:
        browser.quit()


def set_page(browser: Chrome, width: int, height: int, dark: bool = False) -> None:
    """Gives the page this size, and its reader's wish for light or dark."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
