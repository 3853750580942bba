"""Writes some emails of the last campaign to the test inbox, composed as for sending."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core import config
from campaigns.core.db import db
from campaigns.delivery.ledger.batches import Claim
from campaigns.delivery.ledger.outcomes import Facts
from campaigns.delivery.models import Delivery, State
from campaigns.delivery.sender import composer
from campaigns.delivery.sender.store import Copy
from campaigns.planning.models import Campaign, Status
from campaigns.practice import store

KEPT = 40


def write() -> None:
    """Store the first emails of the campaign that finished last."""
    finished = sa.select(Campaign).filter_by(status=Status.FINISHED).order_by(Campaign.id.desc())
    campaign = db.session.scalars(finished.limit(1)).one()
    content = composer.content_of(campaign)
    copies = _copies(campaign)
    arrivals = [
        store.Arrival(
            copy.facts.started_at + timedelta(seconds=1),
            content.ways_back(copy.facts.delivery_id)[0],
            copy.email,
            mail,
        )
        for copy, mail in zip(copies, content.compose(copies), strict=True)
        if isinstance(mail, bytes)
    ]
    store.keep(config.current(), arrivals)


def _copies(campaign: Campaign) -> list[Copy]:
    rows = db.session.execute(
        sa.select(Delivery, Subscriber.email, Subscriber.fields)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.campaign_id == campaign.id, Delivery.state == State.SENT)
        .order_by(Delivery.id)
        .limit(KEPT)
    )
    return [
        Copy(
            facts=Facts(each.id, each.fence, 0, 0, each.started_at or campaign.created_at),
            claim=Claim(0, campaign.id, each.wave, each.batch_number or 0, 1),
            subscriber_id=each.subscriber_id,
            email=email,
            fields=fields,
        )
        for each, email, fields in rows
    ]
