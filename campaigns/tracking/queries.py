"""The message and link behind a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import List, Subscriber
from campaigns.core.db import db
from campaigns.delivery.models import Delivery
from campaigns.planning.models import Campaign, Link, Revision

TEST_MAIL = 0  # the number in tokens of test messages: no delivery has it


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one person, as public pages see it; the person may have been deleted."""

    delivery: Delivery
    campaign: Campaign
    subscriber: Subscriber | None

    @property
    def lists(self) -> list[List]:
        return self.campaign.lists

    @property
    def values(self) -> dict[str, Any]:
        """The person's fields, as used to compose the message."""
        person = self.subscriber
        return {**(person.fields or {}), "email": person.email} if person else {}


def letter(delivery_id: int) -> Letter | None:
    """The message with that delivery id; None when its campaign was deleted."""
    delivery = db.session.get(Delivery, delivery_id)
    if delivery is None:
        return None
    campaign = db.session.get_one(Campaign, delivery.campaign_id)
    return Letter(delivery, campaign, delivery.subscriber)


def link(delivery_id: int, number: int) -> str | None:
    """The stored URL of a link in a message; None without one."""
    return db.session.scalar(
        sa.select(Link.url)
        .join(Campaign, Campaign.revision_id == Link.revision_id)
        .join(Delivery, Delivery.campaign_id == Campaign.id)
        .where(Delivery.id == delivery_id, Link.number == number)
    )


def revision(campaign: Campaign) -> Revision | None:
    """The campaign's frozen content."""
    return db.session.get(Revision, campaign.revision_id) if campaign.revision_id else None
