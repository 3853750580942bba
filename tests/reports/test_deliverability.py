"""The Deliverability page: what came back by provider beside their limits, and who is near to suppression."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.models import SuppressionReason
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery, State, Wave
from campaigns.inbound.effects.handling import handle, settle
from campaigns.inbound.models import SoftBounces
from campaigns.planning.models import Status
from campaigns.reports import deliverability
from campaigns.reports.deliverability import Share
from tests.factories import make_campaign, make_delivery, make_subscriber
from tests.inbound.mails import FULL, bounce_address, complaint, dsn, make_message, token


def make_sent(*addresses: str) -> list[Delivery]:
    campaign = make_campaign(status=Status.FINISHED)
    rows = [make_delivery(campaign, make_subscriber(each), done_at=clock.now()) for each in addresses]
    db.session.execute(sa.update(Wave).where(Wave.campaign_id == campaign.id).values(launched_at=clock.now()))
    db.session.commit()
    return rows


def read(*raws: bytes) -> None:
    for raw in raws:
        handled = handle(make_message(raw).id, now=clock.now())
        db.session.commit()
        settle(handled.campaigns, now=clock.now())


def test_what_comes_back_is_counted_by_provider_and_not_by_domain(each_database: Flask) -> None:
    rows = make_sent("ann@gmail.com", "bob@googlemail.com", "cid@yahoo.com", "dot@yahoo.com")
    about = f"Message-ID: <{token(rows[2], Purpose.MESSAGE)}@news.example>\n"
    blocked = "550 5.7.1 Client host [192.0.2.1] blocked using a block list"
    read(
        dsn(bounce_address(rows[0]), "ann@gmail.com"),
        dsn(bounce_address(rows[1]), "bob@googlemail.com", text=blocked, status="5.7.1"),
        complaint("abuse@news.example", "cid@yahoo.com", original=about),
    )
    found = {each.name: each for each in deliverability.overview(now=clock.now()).providers}
    google, yahoo = found["gmail.com"], found["yahoo.com"]
    assert (google.accepted, google.bounces.number, google.complaints.number, google.blocks) == (2, 1, 0, 1)
    assert (yahoo.accepted, yahoo.bounces.number, yahoo.complaints.number, yahoo.blocks) == (2, 0, 1, 0)


def test_what_was_sent_long_ago_and_what_was_never_accepted_does_not_count(each_database: Flask) -> None:
    old = make_sent("ann@gmail.com")[0]
    db.session.execute(
        sa.update(Wave)
        .where(Wave.campaign_id == old.campaign_id)
        .values(launched_at=clock.now() - timedelta(days=31))
    )
    make_delivery(make_campaign(), make_subscriber("bob@yahoo.com"), state=State.FAILED)
    db.session.commit()
    assert deliverability.overview(now=clock.now()).providers == []


@pytest.mark.parametrize(
    ("number", "whole", "tone"),
    [(0, 0, "idle"), (2, 2, "good"), (4, 5000, "good"), (5, 5000, "warn"), (15, 5000, "bad")],
)
def test_a_share_stands_beside_the_limits_of_providers(number: int, whole: int, tone: str) -> None:
    assert Share(number, whole, 0.001, 0.003).tone == tone


def test_who_is_near_to_suppression_is_named_until_suppressed(each_database: Flask) -> None:
    rows = make_sent("ann@example.org", "bob@example.org")
    read(*(dsn(bounce_address(each), "x", text=f"{FULL} {each.id}", status="5.2.2") for each in rows))
    found = deliverability.overview(now=clock.now())
    assert {each.email for each in found.on_their_way} == {"ann@example.org", "bob@example.org"}
    score = db.session.get_one(SoftBounces, rows[0].address_key)
    score.score, score.at = 2.0, clock.now() - timedelta(days=60)  # has halved twice
    db.session.commit()
    later = deliverability.overview(now=clock.now())
    assert [each.email for each in later.on_their_way] == ["bob@example.org"]


def test_the_page_says_what_is_too_high_and_what_was_suppressed(app: Flask, cleo: FlaskClient) -> None:
    names = [f"{number}@gmail.com" for number in range(10)]
    rows = make_sent(*names)
    read(*(dsn(bounce_address(row), name) for row, name in zip(rows[:3], names, strict=False)))
    assert "What came back in the last 30 days" in cleo.get("/deliverability").text
    page = cleo.get("/deliverability/received").text
    assert "Too much email to gmail.com comes back." in page
    assert "30.00%" in page
    assert str(SuppressionReason.HARD_BOUNCE.label) in page
