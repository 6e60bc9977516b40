"""A real browser for the tests of pages: Debian's Chromium without a window, driven by Selenium, without a network."""

import json
import shutil
from contextlib import contextmanager
from urllib.parse import quote

import pytest

WHAT_TO_INSTALL = (
    "apt-get install chromium chromium-driver, and python -m pip install --no-deps --target .browser -r "
    "requirements-browser.lock, which make test-browser finds"
)
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
FLAGS = (
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"),
    *("disable-component-update", "disable-sync", "mute-audio", "hide-scrollbars"),
    *("autoplay-policy=no-user-gesture-required", "force-device-scale-factor=1", "window-size=1200,1100"),
)


def needs_browser():
    """Skip a test where there is no browser, saying what to install."""
    pytest.importorskip("selenium", reason=f"needs Selenium: {WHAT_TO_INSTALL}")
    if not (CHROMIUM and DRIVER):
        pytest.skip(f"needs Chromium: {WHAT_TO_INSTALL}")


@contextmanager
def browser(profile):
    """A driver of a fresh browser whose network is off; `profile` is a folder of its own."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"user-data-dir={profile}", "host-resolver-rules=MAP * ~NOTFOUND", "proxy-server=127.0.0.1:1"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        driver.execute_cdp_cmd("Network.enable", {})
        yield driver
    finally:
        driver.quit()


def address(path):
    return "file://" + quote(str(path.absolute()))


def opened(driver, path, wait_s=60):
    """Open a page of ours and wait until it says that it is ready."""
    driver.get(address(path))
    wait(driver, "return document.documentElement.dataset.ready === 'yes'", wait_s)


def wait(driver, script, wait_s=60):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, wait_s, poll_frequency=0.05).until(lambda one: one.execute_script(script), script)


def complaints(driver):
    """What the console holds against the page."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def asked_for(driver):
    """The addresses that the page has asked for."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith(("chrome:", "chrome-untrusted:"))]  # the browser's own first page
