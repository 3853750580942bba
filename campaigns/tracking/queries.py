"""The message and link behind a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from campaigns.audience.models import List, Subscriber
from campaigns.core.db import db
from campaigns.delivery.models import Delivery, MergedDelivery
from campaigns.planning.models import Campaign, Revision
from campaigns.tracking import statements

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
    def language(self) -> str | None:
        """The person's language, if it is known."""
        return self.subscriber.language if self.subscriber else None

    @property
    def values(self) -> dict[str, Any]:
        """The person's fields, as used to compose the message."""
        person = self.subscriber
        return _values(person.email, person.fields) if person else {}


def _values(email: str | None, fields: dict[str, Any] | None) -> dict[str, Any]:
    return {**(fields or {}), "email": email} if email else {}


def letter(delivery_id: int) -> Letter | None:
    """The message with that delivery id; None when its campaign was deleted."""
    delivery = db.session.get(Delivery, delivery_id)
    if delivery is None:
        return None
    campaign = db.session.get_one(Campaign, delivery.campaign_id)
    return Letter(delivery, campaign, delivery.subscriber or merged_reader(delivery_id))


def merged_reader(delivery_id: int) -> Subscriber | None:
    """Who got this message at an address from before two people were merged; None for any other message."""
    held = db.session.get(MergedDelivery, delivery_id)
    return db.session.get(Subscriber, held.subscriber_id) if held else None


def link(delivery_id: int, number: int) -> tuple[str, dict[str, Any]] | None:
    """The stored URL of a link in a message, and the fields of its reader; None without such a link."""
    found = statements.run(statements.LINK, delivery_id=delivery_id, number=number).first()
    if found is None:
        return None
    if found.email is None and (person := merged_reader(delivery_id)) is not None:
        return found.url, _values(person.email, person.fields)
    return found.url, _values(found.email, found.fields)


def revision(campaign: Campaign) -> Revision | None:
    """The campaign's frozen content."""
    return db.session.get(Revision, campaign.revision_id) if campaign.revision_id else None
