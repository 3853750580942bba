"""A file is uploaded, checked, imported and undone in the browser; the test does the work of the worker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Browser, expect

from campaigns.audience import queries
from campaigns.audience.imports import runner, undo
from campaigns.audience.imports.models import Import
from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries
from tests.browser.serving import signed_in
from tests.factories import make_field, make_list, make_subscriber

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROWS = "Email,City,Status\nann@example.org,Oslo,active\nbob@example.org,Rome,active\nlea@example.org,,unsubscribed\n"


def let_go() -> None:
    """End the test's transaction, which would keep the app from writing."""
    db.session.rollback()


def people() -> int:
    try:
        return queries.people_count()
    finally:
        let_go()


def test_from_the_file_to_the_undo(browser: Browser, app: Flask, tmp_path: Path) -> None:
    readers = make_list("Readers")
    make_field("city", label="City")
    make_subscriber("ann@example.org", fields={"city": "Cork"}, lists=[readers])
    list_id = readers.id
    let_go()
    file = tmp_path / "people.csv"
    file.write_text(ROWS)
    with signed_in(browser, app) as page:
        page.goto(f"/imports/new?list={list_id}")
        page.locator("#file").set_input_files(file)
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("These people agreed").check()
        page.get_by_role("button", name="Check file").click()
        expect(page.get_by_text("Nothing is changed.")).to_be_visible()
        number = int(page.url.rpartition("/")[2])
        assert runner.run(number)
        let_go()
        expect(page.get_by_text("Nothing has been changed yet.")).to_be_visible()
        row = page.get_by_role("row", name="ann@example.org")
        expect(row).to_contain_text("Cork")
        expect(row).to_contain_text("Oslo")
        assert people() == 1
        page.get_by_role("button", name="Import 2 rows").click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        assert runner.run(number)
        let_go()
        expect(page.get_by_text("Finished").first).to_be_visible()
        assert people() == 2
        page.locator("summary", has_text="Undo import").click()
        page.get_by_role("dialog").get_by_role("button", name="Undo import").click()
        expect(page.get_by_text("restored so far")).to_be_visible()
        assert undo.run(number, was_emailed=delivery_queries.emailed_since)
        let_go()
        expect(page.get_by_text("People restored")).to_be_visible()
        expect(page.get_by_text(re.compile("^Undone$")).first).to_be_visible()
    db.session.expire_all()
    person = queries.person_by_address("ann@example.org")
    assert person is not None
    assert person.fields == {"city": "Cork"}
    assert db.session.scalar(sa.select(Import.undone)) == {"deleted": 1, "restored": 1}
    assert people() == 1
