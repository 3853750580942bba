"""Scores of addresses that bounce for reasons that may pass: they rise with each, decay, and a delivery resets them."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.ledger.waves import of_person
from campaigns.delivery.models import Delivery, State, Wave
from campaigns.inbound.effects.policy import WEIGHTS, Score
from campaigns.inbound.models import SoftBounces
from campaigns.inbound.verdicts.verdict import Cause

# A mail that has not come back within this time has arrived. Servers give up after up to five days.
ARRIVED_AFTER = timedelta(days=5)


def add(delivery: Delivery, reason: Cause, *, now: datetime) -> Score:
    """Count a soft bounce of the address; its score afterwards."""
    old = db.session.get(SoftBounces, delivery.address_key, with_for_update=True)
    before = Score(0.0, now) if old is None else Score(old.score, old.at)
    if old is not None and _has_worked_since(delivery, old.at, now=now):
        before = Score(0.0, now)
    score = before.plus(WEIGHTS[reason], now)
    values = {"score": score.value, "at": score.at}
    written = insert(SoftBounces).values(address_key=delivery.address_key, **values)
    db.session.execute(written.on_conflict_do_update(index_elements=["address_key"], set_=values))
    db.session.expire_all()
    return score


def take_back(address_key: str, reason: Cause) -> None:
    """Take one such bounce off the score."""
    held = db.session.get(SoftBounces, address_key, with_for_update=True)
    if held is not None:
        held.score = max(0.0, held.score - WEIGHTS.get(reason, 0.0))


def forget(address_key: str) -> None:
    """Begin anew: the address has shown that it works."""
    db.session.execute(sa.delete(SoftBounces).where(SoftBounces.address_key == address_key))


def _has_worked_since(delivery: Delivery, moment: datetime, *, now: datetime) -> bool:
    """Whether the person opened something since, or a mail to the address has arrived."""
    opened = db.session.scalar(
        sa.select(Subscriber.last_opened_at).where(
            Subscriber.id == delivery.subscriber_id, Subscriber.address_key == delivery.address_key
        )
    )
    if opened is not None and opened > moment:
        return True
    arrived = (
        sa.select(Delivery.id)
        .select_from(Wave)
        .join(Delivery, of_person(delivery.subscriber_id))
        .where(
            Delivery.address_key == delivery.address_key,
            Delivery.state == State.SENT,
            Delivery.bounced_at.is_(None),
            Delivery.id != delivery.id,
            Delivery.done_at > moment,
            Delivery.done_at < now - ARRIVED_AFTER,
        )
    )
    return db.session.scalar(arrived.limit(1)) is not None
