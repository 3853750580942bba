"""Headless Chromium, driven like an operator in a hurry."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {"wide": {"width": 1440, "height": 1000}, "phone": {"width": 390, "height": 844}}
THEMES = ("light", "dark")
PASSWORD = "correct horse battery staple"
PATIENCE_MS = 60_000  # no test may depend on the pace of the machine
expect.set_options(timeout=PATIENCE_MS)


def executable() -> str:
    """Where Chromium is; a sentence when it is nowhere."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise RuntimeError("The browser tests need Chromium. Run: apt install chromium fonts-noto-cjk")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def window(
    browser: Browser, url: str, *, width: str = "wide", theme: str = "light", language: str = "en-GB"
) -> Iterator[Page]:
    """A page of a fresh browser profile."""
    context: BrowserContext = browser.new_context(
        base_url=url,
        viewport=WIDTHS[width],  # type: ignore[arg-type]
        color_scheme=theme,  # type: ignore[arg-type]
        locale=language,
        timezone_id="Europe/Lisbon",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email", exact=False).first.fill(email)
    page.locator("input[type=password]").first.fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
