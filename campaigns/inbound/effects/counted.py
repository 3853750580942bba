"""What counts as a hard bounce, a block and a complaint, and how many there are by receiver."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core.db import db
from campaigns.core.dialect import domain_of
from campaigns.delivery.models import Delivery
from campaigns.inbound.effects.policy import OURS
from campaigns.inbound.models import Effect, Finding
from campaigns.mail.domains import group_of


def _found(*which: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """By the delivery's id, which has an index: by the campaign's, each row would read the findings of all."""
    findings = sa.select(Finding.id).where(Finding.delivery_id == Delivery.id, *which).correlate(Delivery)
    return sa.and_(Delivery.bounced_at.is_not(None), findings.exists())


# SQL conditions on a delivery.
COMPLAINED = Delivery.complained_at.is_not(None)
HARD = _found(Finding.effect == Effect.SUPPRESSED)
BLOCKED = _found(Finding.effect == Effect.BOUNCED, Finding.reason.in_(OURS))


def by_receiver(deliveries: Any, *which: sa.ColumnElement[bool]) -> Counter[str]:
    """How many of these recipients each receiver has; `deliveries`: what to select from, with deliveries in it."""
    domain = domain_of(Subscriber.address)
    rows: Any = db.session.execute(
        sa.select(domain, sa.func.count())
        .select_from(deliveries)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(*which)
        .group_by(domain)
    )
    found: Counter[str] = Counter()
    for name, number in rows:
        found[group_of(name)] += number
    return found
