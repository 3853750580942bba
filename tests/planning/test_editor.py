"""The editor in a real browser: it saves itself, shows the mail as somebody, and loses nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, Page, Route, expect
from werkzeug.serving import make_server as make_http_server

from campaigns.accounts import sessions
from campaigns.core import clock
from campaigns.core.db import db
from tests.browser.chromium import chromium, window
from tests.factories import (
    make_campaign,
    make_cast_member,
    make_field,
    make_list,
    make_sender,
    make_server,
    make_subscriber,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SAVED, NOT_SAVED = "[data-save-state][data-state=saved]", "[data-save-state][data-state=error]"


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    """A draft's address on a real server."""
    letters = make_list("Letters")
    make_field("first_name")
    make_subscriber("zoe@example.org", lists=[letters], fields={"first_name": "Zoë"})
    make_subscriber("bare@example.org", lists=[letters])
    make_sender("news@example.com")
    make_server(is_default=True)
    campaign = make_campaign(lists=[letters])
    server = make_http_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/campaigns/{campaign.id}/edit"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def cookie(app: Flask) -> dict[str, str]:
    secret = sessions.start(make_cast_member("ben"), ip="127.0.0.1", user_agent="test", now=clock.now())
    db.session.commit()
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer
    value = signer.dumps({"_user_id": secret, "_fresh": True, "_permanent": True})
    return {"name": app.config["SESSION_COOKIE_NAME"], "value": str(value)}


@pytest.fixture
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
        page.fill("#html", "<h1>Dear {{ first_name | default('reader') }}</h1>")
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


def test_the_second_tab_stops_and_shows_both(browser: Browser, url: str, cookie: dict[str, str]) -> None:
    with window(browser, url) as first, window(browser, url) as second:
        tab(first, url, cookie)
        tab(second, url, cookie)
        first.fill("#subject", "From the first tab")
        first.wait_for_selector(SAVED)
        second.fill("#subject", "From the second tab")
        expect(second.locator(NOT_SAVED)).to_contain_text("in another tab")
        second.get_by_role("button", name="Save", exact=True).click()
        expect(second.get_by_label("Subject, as saved")).to_have_value("From the first tab")
        expect(second.locator("#subject")).to_have_value("From the second tab")
        second.get_by_role("button", name="Save", exact=True).click()
        expect(second.get_by_label("Subject, as saved")).to_have_count(0)
        first.reload()
        expect(first.locator("#subject")).to_have_value("From the second tab")


def test_saving_by_hand_while_it_saves_itself_is_no_conflict(
    browser: Browser, url: str, cookie: dict[str, str]
) -> None:
    with window(browser, url) as page:
        tab(page, url, cookie)
        page.route("**/autosave", answer_late)
        page.fill("#subject", "Twice")
        page.wait_for_selector("[data-save-state][data-state=saving]")
        with page.expect_navigation():
            page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".callout")).to_have_count(0)
        page.reload()
        expect(page.locator("#subject")).to_have_value("Twice")
