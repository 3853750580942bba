"""How much work the brakes are: it grows with what came back, and no faster."""

from __future__ import annotations

from flask import Flask

from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery.models import Delivery
from campaigns.inbound.effects import brakes
from campaigns.inbound.models import Effect, Finding
from campaigns.inbound.verdicts.verdict import Cause, Kind
from campaigns.planning.models import Status
from tests.delivery.work import work
from tests.factories import make_campaign, make_delivery, make_subscriber
from tests.inbound.mails import make_message


def make_came_back(number: int) -> int:
    """A campaign of which that much came back; its id."""
    campaign = make_campaign(status=Status.FINISHED)
    rows: list[Delivery] = [
        make_delivery(campaign, make_subscriber(f"r{number}-{each}@example.org"), bounced_at=clock.now())
        for each in range(number)
    ]
    message = make_message(f"{number}".encode())
    message.kind = Kind.BOUNCE
    db.session.add_all(
        Finding(
            message_id=message.id,
            delivery_id=each.id,
            campaign_id=campaign.id,
            reason=Cause.BAD_ADDRESS,
            effect=Effect.SUPPRESSED,
        )
        for each in rows
    )
    db.session.commit()
    return campaign.id


def test_four_times_as_much_that_came_back_is_about_four_times_as_much_work(app: Flask) -> None:
    few, many = make_came_back(60), make_came_back(240)
    took = [work(lambda id=each: brakes.suspects(id)) for each in (few, many)]
    assert took[1] < 8 * took[0]
