"""What a token in a mail stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import List, Subscriber
from campaigns.core.db import db
from campaigns.delivery.models import Delivery
from campaigns.planning.models import Campaign, Link, Revision

TEST_MAIL = 0  # the number that tokens of test mails are made for: there is no such delivery


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one person, as public pages see it; the person may be gone by now."""

    delivery: Delivery
    campaign: Campaign
    subscriber: Subscriber | None

    @property
    def lists(self) -> list[List]:
        return self.campaign.lists

    @property
    def values(self) -> dict[str, Any]:
        """The person's fields, as the mail was composed with."""
        person = self.subscriber
        return {**(person.fields or {}), "email": person.email} if person else {}


def letter(delivery_id: int) -> Letter | None:
    """The mail with that number; None when its campaign was deleted."""
    delivery = db.session.get(Delivery, delivery_id)
    if delivery is None:
        return None
    campaign = db.session.get_one(Campaign, delivery.campaign_id)
    return Letter(delivery, campaign, delivery.subscriber)


def link(delivery_id: int, number: int) -> str | None:
    """The stored URL behind a link of a mail."""
    return db.session.scalar(
        sa.select(Link.url)
        .join(Campaign, Campaign.revision_id == Link.revision_id)
        .join(Delivery, Delivery.campaign_id == Campaign.id)
        .where(Delivery.id == delivery_id, Link.number == number)
    )


def revision(campaign: Campaign) -> Revision | None:
    """What the campaign said when it went out."""
    return db.session.get(Revision, campaign.revision_id) if campaign.revision_id else None
