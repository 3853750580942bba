"""The editor of a template: what is written is shown at once, kept when others have saved, and not left by mistake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from campaigns.content.formats import Format
from campaigns.content.rendering import Place
from campaigns.content.templates import queries, services
from campaigns.content.templates.models import Template
from campaigns.core import clock
from campaigns.core.db import db
from tests.browser.chromium import chromium
from tests.browser.serving import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("template editor")]
PLACE = Place(language="en", public_url="")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def template(app: Flask) -> Template:
    values = {"name": "Monthly", "subject": "One", "written": "First words"}
    made = services.create(values, format=Format.MARKDOWN, by=None, place=PLACE, now=clock.now())
    db.session.commit()
    return made


def type_into_content(page: Page, words: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type(words)


def test_what_is_typed_is_shown_in_each_look_and_leaving_asks(
    app: Flask, browser: Browser, template: Template
) -> None:
    number = template.id
    with signed_in(browser, app) as page:
        page.goto(f"/templates/{number}/edit")
        shown = page.frame_locator("#preview").locator("body")
        expect(shown).to_contain_text("First words")
        page.locator("#subject").fill("Two")
        expect(page.locator(".inbox-subject")).to_have_text("Two")
        type_into_content(page, "Other words")
        expect(shown).to_contain_text("Other words")
        page.get_by_label("Version to preview").select_option("text")
        expect(shown).to_contain_text("Other words")
        asked: list[str] = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.get_by_role("link", name="Monthly", exact=True).click()
        page.wait_for_timeout(300)
        assert asked == ["beforeunload"]
        page.get_by_role("button", name="Save template").click()
        expect(page.get_by_text("Saved as version 2.")).to_be_visible()
        page.get_by_role("link", name="Monthly", exact=True).click()
        expect(page.get_by_role("heading", name="Versions")).to_be_visible()
        assert asked == ["beforeunload"]


def test_what_was_refused_is_still_shown_and_not_left_without_a_question(
    app: Flask, browser: Browser, template: Template
) -> None:
    number = template.id
    with signed_in(browser, app) as page:
        page.goto(f"/templates/{number}/edit")
        type_into_content(page, "My words")
        values = {"written": "Of somebody else"}
        services.save(queries.template(number), values, version=1, by=None, place=PLACE, now=clock.now())
        db.session.commit()
        page.get_by_role("button", name="Save template").click()
        expect(page.get_by_text("Not saved: this template was changed meanwhile.")).to_be_visible()
        expect(page.locator(".cm-content")).to_have_text("My words")
        expect(page.frame_locator("#preview").locator("body")).to_contain_text("My words")
        asked: list[str] = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.locator(".cm-content").click()  # a browser asks only where somebody has done something
        page.get_by_role("link", name="Monthly", exact=True).click()
        page.wait_for_timeout(300)
        assert asked == ["beforeunload"]
        page.get_by_role("button", name="Save template").click()
        expect(page.get_by_text("Saved as version 3.")).to_be_visible()
