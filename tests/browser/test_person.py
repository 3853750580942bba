"""One person in a browser: notes, older lines in place, neighbours by key, a merge; and axe finds nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from campaigns.audience.person import notes
from campaigns.core.db import db
from campaigns.delivery.models import Reason, State
from campaigns.reports.person.timeline import PAGE_SIZE
from tests.browser.accessibility import faults_of
from tests.browser.serving import signed_in
from tests.factories import NOON, make_campaign, make_delivery, make_field, make_list, make_subscriber

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_person_is_read_noted_compared_and_merged(browser: Browser, app: Flask) -> None:
    make_field("city", label="City")
    loft = make_list("Loft")
    ana = make_subscriber("ana@new.example", lists=[loft], fields={"city": "Graz", "name": "Ana"})
    make_subscriber("bob@example.org", lists=[loft])
    old = make_subscriber("ana@old.example", fields={"city": "Linz"})
    make_delivery(make_campaign(name="Spring"), old)
    failed = {"state": State.FAILED, "reason": Reason.MAILBOX_FULL, "reply": "Over quota"}
    make_delivery(make_campaign(name="Summer", lists=[loft]), ana, **failed)
    draft = make_campaign(name="Autumn", lists=[loft])
    for number in range(PAGE_SIZE):
        at = NOON - timedelta(hours=number)
        notes.add(ana, f"note {number:02}.", author="Ada", operator_id=None, now=at)
    db.session.commit()
    ana_id, draft_id = ana.id, draft.id
    db.session.rollback()
    with signed_in(browser, app) as page:
        page.goto("/people?sort=email&q=example")
        page.get_by_role("link", name="Ana", exact=True).click()
        expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
        page.wait_for_load_state("load")  # keys are heard from then on
        page.keyboard.press("j")
        expect(page.get_by_role("heading", level=1)).to_have_text("ana@old.example")
        page.wait_for_load_state("load")
        page.keyboard.press("k")
        expect(page.get_by_role("heading", level=1)).to_have_text("Ana")

        expect(page.get_by_text(f"note {PAGE_SIZE - 1}.")).to_have_count(0)
        page.get_by_role("link", name="Show older").click()
        expect(page.get_by_text(f"note {PAGE_SIZE - 1}.")).to_be_visible()

        page.get_by_role("textbox", name="Note").first.fill("Met <b>at</b> the fair")
        page.get_by_role("button", name="Add note").click()
        expect(page.get_by_text("Met <b>at</b> the fair").first).to_be_visible()

        page.goto(f"/people/{ana_id}?ask=campaign-{draft_id}")
        expect(page.get_by_text("Ana would get it.")).to_be_visible()
        assert faults_of(page, "person") == []

        page.goto(f"/people/{ana_id}/merge?address=ana@old.example")
        page.get_by_role("radio").nth(1).check()
        assert faults_of(page, "merge") == []
        page.get_by_role("button", name="Merge people").click()
        expect(page.get_by_text("Merged with ana@old.example")).to_be_visible()
        expect(page.get_by_text("Linz").first).to_be_visible()
        page.goto(f"/people/{ana_id}?show=emails")
        expect(page.get_by_role("link", name="Spring")).to_be_visible()
        assert faults_of(page, "person after a merge") == []
