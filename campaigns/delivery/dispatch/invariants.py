"""Invariants, checked each minute: states add up, tallies are right, no campaign is stuck."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db, reading
from campaigns.delivery.dispatch import next_work
from campaigns.delivery.ledger import tallies
from campaigns.delivery.models import Batch, Delivery, Wave
from campaigns.planning.models import Campaign, Status

log = logging.getLogger(__name__)

STUCK_AFTER = timedelta(minutes=5)
TALLIES_LOOKED_AT = 20  # batches of all campaigns being sent, each minute
UNDER_WAY = (Status.SENDING, Status.PAUSED)


def check(*, now: datetime) -> list[str]:
    """Every violation, as a sentence; each is also logged. Commits."""
    faults = tallies.faults(Campaign.status.in_(UNDER_WAY), most=TALLIES_LOOKED_AT)
    db.session.commit()
    with reading():
        faults += _unbalanced()
        db.session.rollback()
    faults += _stuck(now)
    for fault in faults:
        log.error(fault)
    return faults


def _unbalanced() -> list[str]:
    """Campaigns whose latest wave does not have as many recipients as it was launched for (G2).

    Batches at rest are taken from their tallies, some of which are verified each minute (`tallies.faults`);
    those that lanes hold are counted here. In one statement, because batches move between the two.
    """
    launched_for: dict[int, int] = {}
    found: Counter[int] = Counter()
    for campaign_id, tally, number, audience in db.session.execute(_recipients()):
        entries = sum(each for *_, each in json.loads(tally)) if tally is not None else 1
        found[campaign_id] += entries * number
        launched_for[campaign_id] = launched_for.get(campaign_id, 0) + audience
    return [
        f"Campaign {campaign_id}: {found[campaign_id]} recipients, launched for {audience}."
        for campaign_id, audience in launched_for.items()
        if found[campaign_id] != audience
    ]


def _recipients() -> Any:
    """SELECT of `campaign_id, tally, number of batches, audience`, and the number of rows without a tally."""
    wave = sa.and_(Wave.campaign_id == Campaign.id, Wave.number == Campaign.wave)
    batch = sa.and_(Batch.campaign_id == Campaign.id, Batch.wave == Campaign.wave)
    nothing: Any = sa.null()
    none_of_it: Any = sa.literal_column("0")
    one: Any = sa.literal_column("1")
    tally = sa.cast(Batch.tally, sa.Text)
    at_rest: Any = (
        sa.select(Batch.campaign_id, tally, sa.func.count(), none_of_it)
        .join(Campaign, batch)
        .where(Campaign.status.in_(UNDER_WAY), Batch.tally.is_not(None))
        .group_by(Batch.campaign_id, tally)
    )
    launched = (
        sa.select(Wave.campaign_id, sa.cast(Wave.left_out, sa.Text), one, Wave.audience)
        .join(Campaign, wave)
        .where(Campaign.status.in_(UNDER_WAY))
    )
    held = tallies.in_batches(
        (Delivery.campaign_id.label("campaign_id"), sa.func.count().label("number")),
        Batch.tally.is_(None),
        sa.exists().where(batch, Campaign.status.in_(UNDER_WAY)).correlate(Batch),
        group_by=(Delivery.campaign_id,),
    ).subquery()
    in_hands = sa.select(held.c.campaign_id, nothing, held.c.number, none_of_it)
    return sa.union_all(at_rest, launched, in_hands)


def _stuck(now: datetime) -> list[str]:
    """Campaigns that could send all the while and have recorded nothing for minutes."""
    before = {each.campaign_id for each in next_work.look(now=now - STUCK_AFTER).sendable}
    return [
        f"Campaign {each.campaign_id} has batches to send and has not moved for {each.rests_s:.0f} s."
        " Do the workers run, and does Redis?"
        for each in next_work.look(now=now).sendable
        if each.rests_s > STUCK_AFTER.total_seconds() and each.campaign_id in before
    ]
