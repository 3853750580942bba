"""The editor in a real browser: it saves itself, shows the mail as somebody, and loses nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect

from campaigns.core.db import db
from campaigns.planning import services
from campaigns.planning.models import Campaign
from tests.browser.chromium import chromium, window
from tests.browser.serving import serving, session_cookie
from tests.factories import (
    NOON,
    make_campaign,
    make_field,
    make_list,
    make_sender,
    make_server,
    make_subscriber,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("editor")]
SAVED, NOT_SAVED = "[data-save-state][data-state=saved]", "[data-save-state][data-state=error]"


@pytest.fixture
def draft(app: Flask) -> Campaign:
    letters = make_list("Letters")
    make_field("first_name")
    make_subscriber("zoe@example.org", lists=[letters], fields={"first_name": "Zoë"})
    make_subscriber("bare@example.org", lists=[letters])
    make_sender("news@example.com")
    make_server(is_default=True)
    return make_campaign(lists=[letters])


@pytest.fixture
def url(app: Flask, draft: Campaign) -> Iterator[str]:
    """The draft's address on a real server."""
    with serving(app) as place:
        yield f"{place}/campaigns/{draft.id}/edit"


@pytest.fixture
def cookie(app: Flask) -> dict[str, str]:
    return session_cookie(app, "ben")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def tab(page: Page, url: str, cookie: dict[str, str]) -> Page:
    page.context.add_cookies([{**cookie, "domain": "127.0.0.1", "path": "/"}])  # type: ignore[typeddict-item]
    page.goto(url)
    return page


def answer_late(route: Route) -> None:
    """The server has it long before the page knows."""
    answer = route.fetch()
    route.request.frame.page.wait_for_timeout(500)
    route.fulfill(response=answer)


def test_what_is_typed_is_saved_and_shown_as_somebody(
    browser: Browser, url: str, cookie: dict[str, str]
) -> None:
    with window(browser, url) as page:
        tab(page, url, cookie)
        page.fill("#subject", "News for {{ first_name | default('you') }}")
        page.locator(".cm-content").fill("<h1>Dear {{ first_name | default('reader') }}</h1>")
        page.wait_for_selector(SAVED)
        shown = page.frame_locator("#preview")
        expect(shown.locator("h1")).to_have_text("Dear reader")
        page.fill("[name=address]", "zoe@example.org")
        page.press("[name=address]", "Tab")
        expect(shown.locator("h1")).to_have_text("Dear Zoë")
        expect(page.locator("#inbox-line")).to_contain_text("News for Zoë")
        page.select_option("[name=part]", "text")
        expect(shown.locator("pre")).to_contain_text("Dear Zoë")
        page.reload()
        expect(page.locator("#html")).to_have_value("<h1>Dear {{ first_name | default('reader') }}</h1>")
        page.locator("#subject").press("Control+Enter")
        page.wait_for_url(re.compile(r"/check$"))
        expect(page.get_by_role("button", name="Send to 2 people")).to_be_visible()


def test_what_another_tab_has_changed_is_shown_beside_what_was_typed(
    browser: Browser, url: str, cookie: dict[str, str], draft: Campaign
) -> None:
    with window(browser, url) as page:
        tab(page, url, cookie)
        page.locator("#subject").wait_for()
        services.save_draft(draft, version=draft.version, values={"subject": "From elsewhere"}, now=NOON)
        db.session.commit()
        page.fill("#subject", "From this tab")
        expect(page.locator(NOT_SAVED)).to_have_text("Not saved")
        expect(page.locator("[data-lock]")).to_contain_text("Subject was changed in another tab")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_label("Subject, as saved")).to_have_value("From elsewhere")
        expect(page.locator("#subject")).to_have_value("From this tab")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_label("Subject, as saved")).to_have_count(0)
        page.reload()
        expect(page.locator("#subject")).to_have_value("From this tab")


def test_saving_by_hand_while_it_saves_itself_is_no_conflict(
    browser: Browser, url: str, cookie: dict[str, str]
) -> None:
    with window(browser, url) as page:
        tab(page, url, cookie)
        page.route("**/autosave", answer_late)
        page.fill("#subject", "Twice")
        page.wait_for_selector("[data-save-state][data-state=saving]")
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_selector(SAVED)
        expect(page.locator(".callout:visible")).to_have_count(0)
        page.reload()
        expect(page.locator("#subject")).to_have_value("Twice")


@pytest.mark.parametrize("by", ["key", "button"])
def test_saving_by_hand_leaves_the_writer_where_they_were(
    browser: Browser, url: str, cookie: dict[str, str], by: str
) -> None:
    with window(browser, url) as page:
        tab(page, url, cookie)
        page.route("**/autosave", lambda route: route.continue_())
        page.evaluate("window.sameDocument = true")
        page.locator(".cm-content").fill("\n".join(f"<p>Line {number}</p>" for number in range(200)))
        expect(page.locator("#html")).to_have_value(re.compile("Line 199"))
        page.locator(".cm-content").press("Control+End")
        page.keyboard.press("Shift+ArrowLeft")
        if by == "key":
            page.keyboard.press("Control+s")
        else:
            page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_selector(SAVED)
        assert page.evaluate("window.sameDocument")
        assert page.locator("#html").evaluate("e => e.selectionEnd - e.selectionStart") == 1
        assert page.locator(".cm-scroller").evaluate("e => e.scrollTop > 800")
        if by == "key":
            expect(page.locator(".cm-content")).to_be_focused()
        page.reload()
        expect(page.locator("#html")).to_have_value(re.compile("Line 199"))


def test_saving_by_hand_shows_a_field_that_is_wrong(
    browser: Browser, url: str, cookie: dict[str, str]
) -> None:
    with window(browser, url) as page:
        tab(page, url, cookie)
        page.fill("#subject", "Kept")
        page.fill("#reply_to", "no address")
        page.keyboard.press("Control+s")
        expect(page.locator("#reply_to")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#subject")).to_have_value("Kept")


def test_the_people_to_preview_as_follow_the_lists(
    browser: Browser, url: str, cookie: dict[str, str], draft: Campaign
) -> None:
    others = make_list("Others")
    make_subscriber("new@example.net", lists=[others], fields={"first_name": "Newt"})
    with window(browser, url) as page:
        tab(page, url, cookie)
        picker = page.locator("#preview-as")
        expect(picker).not_to_contain_text("Newt")
        page.locator("[name=lists]").and_(page.get_by_label("Letters")).uncheck()
        page.locator("[name=lists]").and_(page.get_by_label("Others")).check()
        expect(picker).to_contain_text("Newt")
        expect(picker).not_to_contain_text("Zoë")
        expect(page.locator("#inbox-line")).to_contain_text("Newt")


def test_a_suggested_time_keeps_the_sending_hours(browser: Browser, url: str, cookie: dict[str, str]) -> None:
    with window(browser, url) as page:
        tab(page, url.replace("/edit", "/check"), cookie)
        page.check("[name=when][value=later]")
        page.check("#keeps_hours")
        page.fill("#window_start", "10:30")
        page.get_by_role("button", name="Tomorrow at 9:00").click()
        expect(page.locator("#at")).to_have_value(re.compile("T09:00$"))
        expect(page.locator("#window_start")).to_have_value("10:30")
