"""The editor of HTML and Markdown in a real browser: within the page's policy, and never a trap for the keyboard."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from campaigns.content.formats import Format
from campaigns.core.db import db
from tests.browser.serving import signed_in
from tests.factories import make_campaign, make_field

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def complaints_of(page: Page) -> list[str]:
    """What the browser says of the page, as it comes."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_a_tag_is_completed_and_a_fault_shown_at_its_line(browser: Browser, app: Flask) -> None:
    make_field("first_name")
    number = make_campaign(html="<p>One</p>\n").id
    db.session.commit()
    with signed_in(browser, app) as page:
        complaints = complaints_of(page)
        page.route(
            re.compile(r"/preview(\?|$)"),
            lambda route: route.fulfill(body="<p></p>", content_type="text/html"),
        )
        page.goto(f"/campaigns/{number}/edit")
        page.locator(".cm-content").press("Control+End")
        page.keyboard.type("{{ fir")
        expect(page.locator(".cm-tooltip-autocomplete li").first).to_contain_text("first_name")
        page.locator(".cm-tooltip-autocomplete li").first.click()
        expect(page.locator("#html")).to_have_value('<p>One</p>\n{{ first_name | default("friend") }}')
        page.keyboard.type("\n{{ nobody_has_this }}")
        expect(page.locator(".cm-lint-marker-warning")).to_be_visible()
        assert complaints == []


def test_typing_changes_only_what_differs_in_the_preview(browser: Browser, app: Flask) -> None:
    number = make_campaign(html='<p id="one">One</p>\n<p style="color: rgb(1, 2, 3)" id="two">Two</p>').id
    db.session.commit()
    with signed_in(browser, app) as page:
        complaints = complaints_of(page)
        page.goto(f"/campaigns/{number}/edit")
        shown = page.frame_locator("iframe[data-unsaved]")
        shown.locator("#one").evaluate("(element) => { element.isTheSame = true; }")
        page.locator(".cm-line").nth(1).click()
        page.keyboard.press("End")
        for _each in range(4):
            page.keyboard.press("ArrowLeft")
        page.keyboard.type(" pigeons")
        expect(shown.get_by_text("Two pigeons")).to_have_css("color", "rgb(1, 2, 3)")
        assert shown.locator("#one").evaluate("(element) => element.isTheSame === true")
        page.keyboard.insert_text('</p><p id="three" style="color: rgb(4, 5, 6)">Three')
        expect(shown.locator("#three")).to_have_css("color", "rgb(4, 5, 6)")
        assert complaints == []


def test_the_keyboard_leaves_the_editor(browser: Browser, app: Flask) -> None:
    number = make_campaign(html="<p>One</p>").id
    db.session.commit()
    with signed_in(browser, app) as page:
        page.goto(f"/campaigns/{number}/edit")
        page.locator(".cm-content").focus()
        page.keyboard.press("Tab")
        expect(page.locator(".cm-content")).to_be_focused()
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        expect(page.locator(".cm-content")).not_to_be_focused()


def test_the_tools_of_markdown_act_on_what_is_chosen(browser: Browser, app: Flask) -> None:
    number = make_campaign(format=Format.MARKDOWN, written="Corn", html="<p>Corn</p>").id
    db.session.commit()
    with signed_in(browser, app) as page:
        page.goto(f"/campaigns/{number}/edit")
        page.locator(".cm-content").press("Control+a")
        page.get_by_role("button", name="Bold").click()
        expect(page.locator("#written")).to_have_value("**Corn**")
        page.get_by_role("button", name="Bullet list").click()
        expect(page.locator("#written")).to_have_value("- **Corn**")
        page.wait_for_selector("[data-save-state][data-state=saved]")
        expect(page.frame_locator("#preview").locator("li strong")).to_have_text("Corn")
