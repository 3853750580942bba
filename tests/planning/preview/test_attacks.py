"""Nothing in a mail runs in the app: a hostile mail in a real browser, saved and while it is typed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from campaigns.core.db import db
from campaigns.planning.models import Campaign
from tests.browser.chromium import chromium, window
from tests.browser.serving import serving, session_cookie
from tests.factories import make_campaign, make_list, make_sender, make_subscriber

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("preview")]

HOSTILE = """<html><head>
<meta http-equiv="refresh" content="0;url=/campaigns?refreshed">
<base href="/taken-over/">
<link rel="stylesheet" href="/people/1?css">
<style>@import url(/people?imported); body { background: url(/sign-out-by-image) }</style>
</head><body>
<script>parent.document.title = "script"</script>
<svg onload="parent.document.title = 'svg'"><script>parent.document.title = "svg"</script></svg>
<img src="x" onerror="parent.document.title = 'img'">
<iframe src="/campaigns?framed"></iframe><iframe srcdoc="<script>top.document.title = 'srcdoc'</script>"></iframe>
<object data="/campaigns?object"></object><embed src="/campaigns?embed">
<form action="/campaigns/new" method="post"><button id="sends">Send</button></form>
<a id="top" target="_top" href="/campaigns?top">Top</a>
<p id="end">End</p></body></html>"""
# Pages of ours may be asked for as style sheets; browsers take none that says it is HTML.
NEVER = ("refreshed", "taken-over", "framed", "object", "embed", "new", "top")


@pytest.fixture
def draft(app: Flask) -> Campaign:
    letters = make_list()
    make_subscriber("zoe@example.org", lists=[letters])
    make_sender("news@example.com")
    return make_campaign(lists=[letters], html=HOSTILE)


@pytest.fixture
def url(app: Flask, draft: Campaign) -> Iterator[str]:
    """The draft's address on a real server."""
    with serving(app) as place:
        yield f"{place}/campaigns/{draft.id}/edit"


@pytest.fixture
def cookie(app: Flask, url: str) -> dict[str, str]:
    found = session_cookie(app, "ben")
    db.session.rollback()  # no transaction of the test stays open beside the server's
    return {**found, "domain": "127.0.0.1", "path": "/"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("is_typed", [False, True])
def test_a_hostile_mail_neither_runs_nor_leaves_its_frame(
    browser: Browser, url: str, cookie: dict[str, str], is_typed: bool
) -> None:
    asked: list[str] = []
    with window(browser, url) as page:
        page.context.add_cookies([cookie])  # type: ignore[typeddict-item]
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        title = page.title()
        shown = page.frame_locator("#preview")
        if is_typed:
            page.locator(".cm-content").fill("<p id='end'>Typed</p>")
            expect(shown.locator("#end")).to_have_text("Typed")
            page.locator(".cm-content").fill(HOSTILE)
        expect(shown.locator("#end")).to_have_text("End")
        page.wait_for_load_state("networkidle")
        shown.locator("#sends").click(force=True)
        shown.locator("#end").click()
        assert page.title() == title
        assert page.url == url
        ends = {address.split("?")[-1].strip("/").split("/")[-1] for address in asked}
        assert not ends & set(NEVER)


def test_what_is_typed_is_shown_at_once_and_does_not_scroll(
    browser: Browser, url: str, cookie: dict[str, str]
) -> None:
    with window(browser, url) as page:
        page.context.add_cookies([cookie])  # type: ignore[typeddict-item]
        page.goto(url)
        page.route("**/autosave", lambda route: route.abort())
        tall = "<p style='height:3000px'>{}</p>"
        page.locator(".cm-content").fill(tall.format("One"))
        shown = page.frame_locator("#preview")
        expect(shown.locator("p").first).to_have_text("One")
        expect(shown.locator("p").first).to_have_css("height", "3000px")
        page.locator("#preview").evaluate("frame => frame.contentWindow.scrollTo(0, 900)")
        page.locator(".cm-content").fill(tall.format("Two"))
        expect(shown.locator("p").first).to_have_text("Two")
        assert page.locator("#preview").evaluate("frame => frame.contentWindow.scrollY") == 900
        page.fill("#subject", "Typed now")
        expect(page.locator(".inbox-subject")).to_have_text("Typed now")


def test_a_tag_is_completed_by_keyboard_and_its_fault_is_said(
    browser: Browser, url: str, cookie: dict[str, str]
) -> None:
    with window(browser, url) as page:
        page.context.add_cookies([cookie])
        page.goto(url)
        page.fill("#subject", "")
        page.locator("#subject").press_sequentially("Hi {{ addr")
        expect(page.locator(".merge-list li")).to_have_count(1)
        expect(page.locator(".merge-list li")).to_contain_text("Email address")
        page.keyboard.press("Enter")
        expect(page.locator("#subject")).to_have_value("Hi {{ email }}")
        expect(page.locator(".merge-list").first).to_be_hidden()
        expect(page.locator(".inbox-subject")).to_have_text("Hi zoe@example.org")
        page.fill("#subject", "{{ nobody }}")
        expect(page.locator("#subject-fault")).to_contain_text("“nobody”")
        page.fill("#subject", "Hi")
        expect(page.locator("#subject-fault")).to_have_count(0)
