"""What only script does on a page: regions that are fetched anew, saving in place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from campaigns.core.db import db
from campaigns.delivery.models import Reason, State
from campaigns.planning.models import Status
from tests.browser.serving import signed_in
from tests.factories import (
    NOON,
    make_campaign,
    make_delivery,
    make_list,
    make_sender,
    make_server,
    make_subscriber,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_export_follows_the_search_as_it_is_typed(browser: Browser, app: Flask) -> None:
    for name in ("lead42", "lead43"):
        make_subscriber(f"{name}@example.org")
    with signed_in(browser, app) as page:
        page.goto("/people")
        page.locator("#people-q").press_sequentially("lead42")
        expect(page.locator("#people-count")).to_contain_text("1 person")
        link = page.locator("#people-export a")
        expect(link).to_have_attribute("href", re.compile(r"\bq=lead42\b"))
        page.locator("#people-q").fill("nobody")
        expect(page.locator("#people-count")).to_contain_text("0 people")
        expect(link).to_have_attribute("href", re.compile(r"\bq=nobody\b"))


def test_the_usual_port_is_proposed_with_the_security(browser: Browser, app: Flask) -> None:
    with signed_in(browser, app, "ada") as page:
        page.goto("/settings/servers/new")
        port, security = page.locator("#port"), page.locator("#security")
        security.select_option("tls")
        expect(port).to_have_value("465")
        security.select_option("starttls")
        expect(port).to_have_value("587")
        port.fill("2525")
        security.select_option("tls")
        expect(port).to_have_value("2525")


def test_a_double_click_sends_a_form_once(browser: Browser, app: Flask) -> None:
    count = """() => {
      window.sent = 0;
      addEventListener("submit", (event) => { window.sent += !event.defaultPrevented; event.preventDefault(); });
    }"""
    with signed_in(browser, app, "ada") as page:
        page.goto("/scheduled-emails/new")
        page.evaluate(
            count
        )  # whatever the page itself lets through; nothing leaves, so both clicks are of one page
        page.get_by_role("button", name="Schedule email").dblclick()
        assert page.evaluate("window.sent") == 1


def test_a_file_that_is_too_large_is_not_sent_and_the_form_stays(
    browser: Browser, app: Flask, tmp_path: Path
) -> None:
    make_list("Others")
    readers = make_list("Readers")
    large = tmp_path / "people.csv"
    with large.open("wb") as stream:
        stream.truncate(200 * 1024 * 1024 + 1)
    with signed_in(browser, app) as page:
        page.goto("/imports/new")
        page.locator("#list_id").select_option(str(readers.id))
        page.locator("#file").set_input_files(large)
        expect(page.get_by_role("alert")).to_contain_text("larger than 200 MB. Split it")
        page.locator("form[enctype] [type=submit]").click()
        expect(page.locator("#file")).to_be_focused()
        expect(page.locator("#list_id")).to_have_value(str(readers.id))
        page.locator("#file").set_input_files([])
        expect(page.get_by_role("alert")).to_be_empty()


def test_a_provider_fills_in_its_server(browser: Browser, app: Flask) -> None:
    with signed_in(browser, app, "ada") as page:
        page.goto("/settings/servers/new")
        page.locator("#preset").select_option("mailgun")
        expect(page.locator("#host")).to_have_value("smtp.mailgun.org")
        expect(page.locator("#name")).to_have_value("Mailgun")
        page.locator("#name").fill("Our own name")
        page.locator("#preset").select_option("postmark")
        expect(page.locator("#host")).to_have_value("smtp.postmarkapp.com")
        expect(page.locator("#name")).to_have_value("Our own name")
        expect(page.locator("#verify_certificate")).to_be_hidden()


def test_lines_are_numbered_and_a_finding_marks_its_line(browser: Browser, app: Flask) -> None:
    campaign = make_campaign(html="<p>One</p>\n<p>Two</p>\n<p>Three</p>")
    with signed_in(browser, app) as page:
        page.goto(f"/campaigns/{campaign.id}/edit?line=2#html")
        expect(page.locator(".cm-lineNumbers .cm-gutterElement:visible")).to_have_text(["1", "2", "3"])
        field = page.locator("#html")
        expect(page.locator(".cm-content")).to_be_focused()
        assert field.evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)") == "<p>Two</p>"
        page.locator(".cm-content").fill("one\ntwo")
        expect(field).to_have_value("one\ntwo")


def test_the_name_in_the_heading_saves_itself(browser: Browser, app: Flask) -> None:
    number = make_campaign(name="Before").id
    db.session.commit()  # hold nothing while the page saves
    with signed_in(browser, app) as page:
        page.goto(f"/campaigns/{number}/edit")
        with page.expect_response(lambda answer: "autosave" in answer.url and answer.ok):
            page.get_by_label("Campaign name").fill("After")
        page.reload()
        expect(page.get_by_label("Campaign name")).to_have_value("After")


def test_the_button_of_a_resend_counts_whom_it_takes(browser: Browser, app: Flask) -> None:
    campaign = make_campaign(status=Status.FINISHED, started_at=NOON, finished_at=NOON)
    for reason, number in ((Reason.POLICY, 2), (Reason.MAILBOX_FULL, 1)):
        for _each in range(number):
            make_delivery(campaign, make_subscriber(), state=State.FAILED, reason=reason)
    with signed_in(browser, app) as page:
        page.goto(f"/campaigns/{campaign.id}/failures")
        expect(page.get_by_role("button", name="Resend to 3 people")).to_be_visible()
        page.locator('[value="failed.policy"]').uncheck()
        expect(page.get_by_role("button", name="Resend to 1 person")).to_be_visible()
        page.locator('[value="failed.mailbox_full"]').uncheck()
        expect(page.locator("button[data-many]")).to_be_disabled()


def test_the_button_of_a_campaign_follows_the_chosen_time(browser: Browser, app: Flask) -> None:
    letters = make_list()
    make_subscriber(lists=[letters])
    make_sender("news@example.com")
    make_server(is_default=True)
    campaign = make_campaign(lists=[letters], html="<p>Hi</p><p>{{ unsubscribe_url }}</p>", subject="Hi")
    with signed_in(browser, app) as page:
        page.goto(f"/campaigns/{campaign.id}/check")
        expect(page.get_by_role("button", name="Send to 1 person")).to_be_visible()
        page.locator("[name=when][value=later]").check()
        expect(page.get_by_role("button", name="Schedule", exact=True)).to_be_visible()
        page.get_by_role("button", name="Next Monday at 9:00").click()
        expect(page.get_by_role("button", name=re.compile("^Schedule for .*9:00"))).to_be_visible()


def test_the_current_tab_is_in_sight_on_a_phone(browser: Browser, app: Flask) -> None:
    with signed_in(browser, app, "ada") as page:
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto("/practice")
        box = page.locator('.subnav [aria-current="page"]').bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
