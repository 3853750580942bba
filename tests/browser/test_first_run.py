"""From the welcome link to the first campaign that is out, counted in clicks."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_CLICKS = 9
COUNT = """
addEventListener("pointerdown", (event) => {
  if (event.isTrusted) sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 1;
}, true)
"""
PEOPLE = "Email,First name\nana@example.org,Ana\nbo@example.org,Bo\ncy@example.org,Cy\n"


def clicks(page: Page) -> int:
    return int(page.evaluate("sessionStorage.clicks ?? 0"))


def test_the_first_campaign_is_out_after_nine_clicks(tmp_path: Path, browser: Browser) -> None:
    with Running(tmp_path / "data") as site, chromium.window(browser, site.url) as page:
        page.add_init_script(COUNT)
        page.goto(site.welcome_link)
        page.fill("[name=email]", "ada@example.com")
        page.fill("[name=name]", "Ada Lovelace")
        page.fill("[name=password]", chromium.PASSWORD)
        page.get_by_role("button", name="Create account").click()

        page.get_by_role("link", name="Import", exact=True).click()
        page.fill("[name=new_list]", "Readers")
        page.fill("[name=pasted]", PEOPLE)
        page.get_by_role("button", name="Continue").click()
        page.locator("[name=agreed]").click()
        page.get_by_role("button", name="Import without checking").click()

        page.get_by_role("link", name="New campaign").click(timeout=60_000)
        page.fill("[name=name]", "First flight")
        page.get_by_role("button", name="Create draft").click()

        page.fill("[name=subject]", "Hello from the loft")
        page.get_by_role("button", name="Review and send").click()
        page.get_by_role("button", name="Send to 3 people").click()
        expect(page.get_by_text("Time left to undo:")).to_be_visible()
        assert clicks(page) <= MOST_CLICKS
        assert in_time(site, "finished") == 3


def in_time(site: Running, status: str) -> int | None:
    """Wait until the campaign has that status: how many of its emails are out then; None when it has not."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        database = sqlite3.connect(f"file:{site.data_dir / 'columba.db'}?mode=ro", uri=True)
        found = database.execute("SELECT status FROM campaign").fetchone()[0]
        sent = database.execute("SELECT count(*) FROM delivery WHERE state = 3").fetchone()[0]
        database.close()
        if found == status:
            return int(sent)
        time.sleep(0.5)
    return None
