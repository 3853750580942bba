"""Scores of addresses that bounce for reasons that may pass: they rise with each, decay, and a delivery resets them."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

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
    held = db.session.get(SoftBounces, delivery.address_key, with_for_update=True)
    if held is None:
        first = insert(SoftBounces).values(address_key=delivery.address_key, score=0.0, at=now)
        db.session.execute(first.on_conflict_do_nothing(index_elements=["address_key"]))
        held = db.session.get_one(SoftBounces, delivery.address_key, with_for_update=True)
    before = Score(held.score, held.at)
    if held.score and _has_worked_since(delivery, held.at, now=now):
        before = Score(0.0, now)
    score = before.plus(WEIGHTS[reason], now)
    held.score, held.at = score.value, score.at
    return score


def take_back(address_key: str, reason: Cause) -> None:
    """Take one such bounce off the score."""
    held = db.session.get(SoftBounces, address_key, with_for_update=True)
    if held is not None:
        held.score = max(0.0, held.score - WEIGHTS.get(reason, 0.0))


def forget_before(address_key: str, moment: datetime) -> None:
    """Begin anew, if the address has shown that it works after its last bounce."""
    db.session.execute(
        sa.delete(SoftBounces).where(SoftBounces.address_key == address_key, SoftBounces.at < moment)
    )


def _has_worked_since(delivery: Delivery, moment: datetime, *, now: datetime) -> bool:
    """Whether the person opened something since, or a mail to the address has arrived."""
    person = delivery.subscriber
    is_same = person is not None and person.address_key == delivery.address_key
    if person is not None and is_same and (person.last_opened_at or moment) > moment:
        return True
    db.session.flush()
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
