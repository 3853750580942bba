"""A segment is built by keyboard, and a campaign is sent to it that leaves out a list."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.browser.accessibility import faults_of
from tests.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EMAIL = "ada@example.com"
READERS = "Email,City\nana@example.org,Vienna\nben@example.org,vienna\ncy@example.org,Graz\n"


@pytest.fixture
def site(tmp_path: Path) -> Running:  # type: ignore[misc]
    with Running(tmp_path / "data") as running:
        running.flask(
            *("operator", "create", EMAIL, "--name", "Ada", "--role", "admin", "--password-stdin"),
            input_=chromium.PASSWORD + "\n",
        )
        for name, people in (("News", READERS), ("Staff", "Email,City\nben@example.org,Vienna\n")):
            running.flask("list", "create", name)
            (tmp_path / "people.csv").write_text(people)
            running.flask("people", "import", str(tmp_path / "people.csv"), "--list", name)
        yield running


def choose(page: Page, selector: str, text: str) -> None:
    """Choose an option of a select by typing its first letters, as a keyboard does; on a busy machine once more, because
    letters a second apart are two searches.
    """
    box = page.locator(selector)
    expect(box).to_be_visible()
    for _attempt in range(20):
        box.focus()
        page.keyboard.type(text)
        if box.evaluate("(select) => select.selectedOptions[0].label").startswith(text):
            break
        page.wait_for_timeout(1100)
    page.keyboard.press("Tab")


def test_a_segment_is_built_by_keyboard_and_a_campaign_goes_to_it(site: Running, browser: Browser) -> None:
    with chromium.window(browser, site.url) as page:
        chromium.sign_in(page, EMAIL)
        page.goto("/segments/new")
        page.fill("#name", "In Vienna")
        choose(page, "#n0-subject", "City")
        page.locator("[name='n0-value']").fill("Vienna")
        expect(page.locator("#segment-count strong")).to_have_text("2")
        page.locator("#act-add-").focus()
        page.keyboard.press("Enter")
        choose(page, "#n1-subject", "Suppression")
        choose(page, "#n1-operator", "is not suppressed")
        expect(page.locator("#segment-count")).to_contain_text("ana@example.org")
        assert faults_of(page, "builder") == []
        page.get_by_role("button", name="Save segment").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="In Vienna")).to_be_visible()
        page.fill("#address", "cy@example.org")
        page.keyboard.press("Enter")
        expect(page.get_by_text("cy@example.org is not in this segment.")).to_be_visible()
        assert faults_of(page, "segment") == []

        page.goto("/campaigns/new")
        page.fill("[name=name]", "Vienna only")
        page.get_by_role("button", name="Create draft").click()
        page.fill("[name=subject]", "Hello Vienna")
        page.get_by_role("group", name="Lists", exact=True).get_by_label("News").check()
        page.get_by_text("Segments and exclusions").click()
        page.get_by_role("group", name="Only people in one of these").get_by_label("In Vienna").check()
        page.get_by_role("group", name="Leave out people on these lists").get_by_label("Staff").check()
        page.get_by_role("button", name="Review and send").click()
        expect(page.get_by_text("Not in In Vienna")).to_be_visible()
        expect(page.get_by_text("Left out: Staff")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Send to 1 person"))).to_be_visible()
        told = json.loads(site.flask("people", "count", "--segment", "In Vienna", "--json"))
        assert told == {"people": 2}
