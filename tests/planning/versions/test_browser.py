"""The editor when things go wrong: crashes, a server that is away, sessions that end, somebody who takes over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from campaigns.planning.models import Campaign
from tests.browser.chromium import chromium, window
from tests.browser.serving import serving, session_cookie
from tests.factories import make_campaign

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("saving")]
SAVED, NOT_SAVED = "[data-save-state][data-state=saved]", "[data-save-state][data-state=error]"
SUBJECT, LOCK = "#subject", "[data-lock]"


@pytest.fixture
def draft(app: Flask) -> Campaign:
    return make_campaign(subject="First")


@pytest.fixture
def url(app: Flask, draft: Campaign) -> Iterator[str]:
    """The draft's address on a real server."""
    with serving(app) as place:
        yield f"{place}/campaigns/{draft.id}/edit"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def sign_in(context: BrowserContext, app: Flask, name: str = "ben") -> None:
    cookie = {**session_cookie(app, name), "domain": "127.0.0.1", "path": "/"}
    context.add_cookies([cookie])  # type: ignore[typeddict-item]


def kept_drafts(page: Page) -> int:
    """How many databases with unsaved changes the browser has."""
    return int(page.evaluate("async () => (await indexedDB.databases()).length"))


def crash(page: Page) -> None:
    """The tab's process dies, without any event that a page could hear."""
    with suppress(Error):  # it never answers
        page.goto("chrome://crash", timeout=5000)


def test_a_crash_while_the_server_is_away_loses_nothing(browser: Browser, app: Flask, url: str) -> None:
    with window(browser, url) as page:
        sign_in(page.context, app)
        page.goto(url)
        page.route("**/autosave", lambda route: route.abort("connectionrefused"))
        page.fill(SUBJECT, "Typed before the crash")
        expect(page.locator(NOT_SAVED)).to_contain_text("Offline. Your changes are kept in this browser.")
        second = page.context.new_page()
        crash(page)
        second.goto(url)
        expect(second.locator(SUBJECT)).to_have_value("First")
        second.get_by_role("button", name="Restore changes").click()
        expect(second.locator(SUBJECT)).to_have_value("Typed before the crash")
        expect(second.locator("[data-recovery]")).to_be_hidden()


def test_what_this_browser_keeps_can_not_be_read_and_goes_with_signing_out(
    browser: Browser, app: Flask, url: str
) -> None:
    with window(browser, url) as page:
        sign_in(page.context, app)
        page.goto(url)
        page.context.set_offline(True)
        page.fill(SUBJECT, "A secret subject")
        page.wait_for_selector(NOT_SAVED)
        expect(page.locator(NOT_SAVED)).to_contain_text("Offline")
        stored = page.evaluate(
            """() => new Promise((resolve) => {
              const request = indexedDB.open("columba-unsaved");
              request.onsuccess = () => {
                const all = request.result.transaction("drafts").objectStore("drafts").getAll();
                all.onsuccess = () => {
                  request.result.close();
                  resolve(all.result.map(({ box }) => new TextDecoder().decode(box)).join());
                };
              };
            })"""
        )
        assert stored and "secret" not in stored
        page.context.set_offline(False)
        page.wait_for_selector(SAVED)
        page.goto("/profile")
        assert kept_drafts(page) == 1
        page.evaluate("document.querySelector('form[action=\"/sign-out\"]').requestSubmit()")
        page.wait_for_url(re.compile("/sign-in"))
        assert kept_drafts(page) == 0


@pytest.mark.parametrize("away", ["offline", "500", "no answer"])
def test_it_tries_again_until_the_server_is_back(browser: Browser, app: Flask, url: str, away: str) -> None:
    with window(browser, url) as page:
        sign_in(page.context, app)
        page.goto(url)
        if away == "offline":
            page.context.set_offline(True)
        elif away == "500":
            page.route("**/autosave", lambda route: route.fulfill(status=500, body="<h1>Broken</h1>"))
        else:
            page.route("**/autosave", lambda route: route.abort("connectionreset"))
        page.fill(SUBJECT, "Typed meanwhile")
        expect(page.locator(NOT_SAVED)).to_contain_text("Offline")
        page.get_by_role("button", name="Review and send").click()
        expect(page.locator(SUBJECT)).to_have_value("Typed meanwhile")
        page.context.set_offline(False)
        page.unroute("**/autosave")
        page.wait_for_selector(SAVED)
        page.reload()
        expect(page.locator(SUBJECT)).to_have_value("Typed meanwhile")


def test_after_signing_in_again_in_another_tab_it_goes_on(browser: Browser, app: Flask, url: str) -> None:
    with window(browser, url) as page:
        sign_in(page.context, app)
        page.goto(url)
        page.context.clear_cookies()
        page.fill(SUBJECT, "Typed while signed out")
        expect(page.locator(NOT_SAVED)).to_contain_text("signed out")
        sign_in(page.context, app)
        page.wait_for_selector(SAVED)
        page.reload()
        expect(page.locator(SUBJECT)).to_have_value("Typed while signed out")


def test_somebody_else_in_the_same_browser_does_not_save_for_one(
    browser: Browser, app: Flask, url: str
) -> None:
    with window(browser, url) as page:
        sign_in(page.context, app)
        page.goto(url)
        page.context.clear_cookies()
        sign_in(page.context, app, "ada")
        page.fill(SUBJECT, "Ben's words")
        expect(page.locator(NOT_SAVED)).to_contain_text("signed out")
        page.goto("/campaigns")
        page.goto(url)
        expect(page.locator(SUBJECT)).to_have_value("First")
        expect(page.locator("[data-recovery]")).to_be_hidden()


def test_who_takes_over_makes_the_other_read_only_and_loses_nothing(
    browser: Browser, app: Flask, url: str
) -> None:
    with window(browser, url) as first, window(browser, url) as second:
        sign_in(first.context, app, "ada")
        sign_in(second.context, app, "ben")
        first.goto(url)
        first.fill(SUBJECT, "Ada's")
        first.wait_for_selector(SAVED)
        second.goto(url)
        expect(second.locator(LOCK)).to_contain_text("Ada is editing this campaign (active just now).")
        expect(second.locator(SUBJECT)).not_to_be_editable()
        expect(second.get_by_role("button", name="Save", exact=True)).to_be_disabled()
        second.get_by_role("button", name="Take over").click()
        second.get_by_role("dialog").get_by_role("button", name="Take over").click()
        expect(second.locator(SUBJECT)).to_be_editable()
        first.fill(SUBJECT, "Ada's, too late")
        expect(first.locator(LOCK)).to_contain_text("Ben is editing this campaign")
        expect(first.locator(LOCK)).to_contain_text("is kept as version 3")
        expect(first.locator(SUBJECT)).not_to_be_editable()
        second.fill(SUBJECT, "Ben's")
        second.wait_for_selector(SAVED)
        first.get_by_role("link", name="View your version").click()
        expect(first.locator(".differences")).to_contain_text("too late")


def test_a_tab_that_is_reloaded_is_not_another_one(browser: Browser, app: Flask, url: str) -> None:
    with window(browser, url) as page:
        sign_in(page.context, app)
        page.goto(url)
        for subject in ("One", "Two"):
            page.fill(SUBJECT, subject)
            page.wait_for_selector(SAVED)
            page.reload()
        expect(page.locator(SUBJECT)).to_be_editable()
        expect(page.locator(LOCK)).to_be_hidden()
