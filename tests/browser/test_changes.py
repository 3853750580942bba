"""A change of everyone found, and its undo, in a browser."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from campaigns.audience import queries
from campaigns.core.db import db
from tests.browser.serving import signed_in
from tests.factories import make_list, make_subscriber

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def size_of(list_id: int) -> int:
    """How many are on a list; no transaction stays open, in which the app would wait."""
    db.session.rollback()
    try:
        return queries.list_sizes()[list_id].total
    finally:
        db.session.rollback()


def test_everyone_found_joins_a_list_and_leaves_it_again(browser: Browser, app: Flask) -> None:
    loft = make_list("Loft")
    loft_id = loft.id
    for number in range(52):
        make_subscriber(f"lead{number}@example.org")
    make_subscriber("other@example.org")
    with signed_in(browser, app) as page:
        page.goto("/people?q=lead")
        expect(page.locator("#people-count")).to_have_text("52 people match")
        page.goto("/people/results?q=lead")
        page.get_by_role("button", name="Add to list").click()
        expect(page.get_by_text("52 people added to Loft.")).to_be_visible()
        assert size_of(loft_id) == 52
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("heading", name="Recent changes")).to_be_visible()
        expect(page.locator("#changes").get_by_text("Undone for 52 people.")).to_be_visible()
        assert size_of(loft_id) == 0
