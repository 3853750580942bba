"""What came back of a campaign, on its report, among its recipients, in the export, and for one of them."""

from __future__ import annotations

import csv
import io
import json

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.models import Subscriber
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery
from campaigns.inbound.effects.handling import handle, settle
from campaigns.planning.models import Campaign, Status
from tests.delivery.factories import make_bounces
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber
from tests.inbound.mails import bounce_address, complaint, dsn, letter, make_message, token


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    """Sent to ann, bob, cid and dot: bob's came back, cid complained, dot answered."""
    readers = make_list()
    found = make_campaign(lists=[readers], status=Status.FINISHED, name="Spring")
    said = {"done_at": clock.now(), "code": 250, "reply": "2.0.0 queued"}
    rows = [
        make_delivery(found, make_subscriber(f"{name}@example.org", lists=[readers]), **said)
        for name in ("ann", "bob", "cid", "dot")
    ]
    about = f"Message-ID: <{token(rows[2], Purpose.MESSAGE)}@news.example>\n"
    thread = f"In-Reply-To: <{token(rows[3], Purpose.MESSAGE)}@news.example>\n"
    for raw in (
        dsn(bounce_address(rows[1]), "bob@example.org"),
        complaint("abuse@news.example", "cid@example.org", original=about),
        letter("news@news.example", "dot@example.org", more=thread),
    ):
        handled = handle(make_message(raw).id, now=clock.now())
        db.session.commit()
        settle(handled.campaigns, now=clock.now())
    return found


def test_the_report_counts_it_and_its_shares_add_up(cleo: FlaskClient, campaign: Campaign) -> None:
    page = cleo.get(f"/campaigns/{campaign.id}/report").text
    assert "Delivered to 3 of 4 people." in page
    assert "1 email bounced after it was accepted." in page
    for word in ("Bounced", "Marked as spam", "Replied"):
        assert word in page


def test_recipients_are_found_by_it(cleo: FlaskClient, campaign: Campaign) -> None:
    found = {
        query: [
            name
            for name in ("ann", "bob", "cid", "dot")
            if f"{name}@example.org" in cleo.get(f"/campaigns/{campaign.id}/recipients?{query}").text
        ]
        for query in ("state=bounced", "state=sent", "done=complained", "done=replied", "done=not-opened")
    }
    assert found == {
        "state=bounced": ["bob"],
        "state=sent": ["ann", "cid", "dot"],
        "done=complained": ["cid"],
        "done=replied": ["dot"],
        "done=not-opened": ["ann", "cid", "dot"],
    }
    page = cleo.get(f"/campaigns/{campaign.id}/recipients?state=bounced").text
    assert "Address does not exist" in page
    assert "550 5.1.1" in page


def test_a_suppression_does_not_quote_the_reply_that_accepted_the_email(
    ada: FlaskClient, campaign: Campaign
) -> None:
    page = ada.get("/suppressions").text
    assert "bob@example.org" in page
    assert "The address does not exist" in page
    assert "queued" not in page


def test_a_person_is_shown_as_having_complained_or_replied(ada: FlaskClient, campaign: Campaign) -> None:
    ids = {each.email: each.id for each in db.session.scalars(sa.select(Subscriber))}
    assert "Marked “Spring” as spam" in ada.get(f"/people/{ids['cid@example.org']}").text
    assert "Replied to “Spring”" in ada.get(f"/people/{ids['dot@example.org']}").text


def test_the_export_has_it(ada: FlaskClient, campaign: Campaign) -> None:
    answer = ada.get(f"/campaigns/{campaign.id}/recipients.csv", buffered=True)
    rows = {row["email"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert rows["bob@example.org"]["state"] == "bounced"
    assert rows["bob@example.org"]["bounced_at"]
    assert rows["cid@example.org"]["complained_at"]
    assert rows["ann@example.org"]["state"] == "sent"


def test_one_recipient_is_told_what_came_back_and_what_that_did(
    cleo: FlaskClient, campaign: Campaign
) -> None:
    bob = db.session.scalars(db.select(Delivery).where(Delivery.bounced_at.is_not(None))).one()
    page = cleo.get(f"/campaigns/{campaign.id}/recipients/{bob.id}").text
    assert "accepted the email, and then it came back." in page
    assert "Address suppressed" in page
    person = cleo.get(f"/people/{bob.subscriber_id}").text
    assert "Bounced" in person


def test_the_command_counts_it(app: Flask, campaign: Campaign) -> None:
    said = app.test_cli_runner().invoke(args=["campaign", "status", str(campaign.id), "--json"])
    values = json.loads(said.output)
    assert (values["bounced"], values["complaints"], values["replies"]) == (1, 1, 1)
    assert values["states"]["sent"] == 3
    assert sum(values["states"].values()) == values["audience"] == 4


def test_what_waits_after_the_end_is_suppressed_by_whoever_has_looked(
    ben: FlaskClient, cleo: FlaskClient
) -> None:
    campaign = make_campaign(status=Status.FINISHED)
    rows = [make_delivery(campaign, make_subscriber(f"r{each}@example.org")) for each in range(3)]
    make_bounces(campaign, [each.id for each in rows], at=clock.now())
    db.session.commit()
    page = ben.get(f"/campaigns/{campaign.id}/report").text
    assert "3 addresses bounced and are not suppressed." in page
    assert "Suppress 3 addresses" not in cleo.get(f"/campaigns/{campaign.id}/report").text
    done = ben.post(f"/campaigns/{campaign.id}/suppressions", data={}, follow_redirects=True)
    assert "3 addresses suppressed." in done.text
    again = ben.post(f"/campaigns/{campaign.id}/suppressions", data={}, follow_redirects=True)
    assert "no addresses waiting" in again.text
