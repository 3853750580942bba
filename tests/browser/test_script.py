"""What only script does on a page: regions that are fetched anew, saving in place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from tests.browser.serving import signed_in
from tests.factories import make_list, make_subscriber

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_export_follows_the_search_as_it_is_typed(browser: Browser, app: Flask) -> None:
    for name in ("lead42", "lead43"):
        make_subscriber(f"{name}@example.org")
    with signed_in(browser, app) as page:
        page.goto("/people")
        page.locator("#people-q").press_sequentially("lead42")
        expect(page.locator("#people-count")).to_contain_text("1 person")
        link = page.get_by_role("link", name="Export as CSV")
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
