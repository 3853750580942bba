"""Recipients deferred by a receiver's limit that was raised or deleted: they become due at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core import addresses
from campaigns.core.db import db
from campaigns.delivery.models import Batch, BatchState, Delivery, Reason, State
from campaigns.mail.domains import group_of
from campaigns.planning.models import GOING_OUT, Campaign

JOB = "campaigns.delivery.jobs.release_receiver"
AT_ONCE = 50  # batches in a transaction
_PLAIN = {"synchronize_session": False}


def release(domain: str, *, now: datetime) -> int:
    """Make due every recipient deferred by that receiver's limit; returns how many. Commits as it goes.

    Rows that a lane is writing are left out: they wait for an hour at most.
    """
    receiver, released, last = group_of(domain), 0, 0
    while some := _batches(after=last):
        for batch in some:
            released += _release(batch, receiver, now)
        last = some[-1].id
        db.session.commit()
    return released


def _batches(*, after: int) -> Sequence[Any]:
    """The next few batches that may hold such rows: their tally says so, or they have no tally."""
    may = sa.or_(Batch.tally.is_(None), sa.cast(Batch.tally, sa.Text).contains(str(Reason.RECEIVER_LIMIT)))
    statement = (
        sa.select(Batch.id, Batch.campaign_id, Batch.wave, Batch.number)
        .join(Campaign, Campaign.id == Batch.campaign_id)
        .where(
            Batch.id > after,
            Batch.state.in_((BatchState.READY, BatchState.LEASED)),
            Campaign.status.in_(GOING_OUT),
            may,
        )
        .order_by(Batch.id)
        .limit(AT_ONCE)
    )
    return db.session.execute(statement).all()


def _release(batch: Any, receiver: str, now: datetime) -> int:
    waiting = sa.and_(
        Delivery.campaign_id == batch.campaign_id,
        Delivery.wave == batch.wave,
        Delivery.batch_number == batch.number,
        Delivery.state == State.DEFERRED,
        Delivery.reason == Reason.RECEIVER_LIMIT,
        Delivery.next_at > now,
    )
    rows = db.session.execute(
        sa.select(Delivery.id, Subscriber.email)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(waiting)
    )
    theirs = [row.id for row in rows if group_of(addresses.domain_of(row.email)) == receiver]
    if not theirs:
        return 0
    free = sa.select(Delivery.id).where(Delivery.id.in_(theirs), waiting)
    ids = db.session.scalars(free.with_for_update(skip_locked=True)).all()
    db.session.execute(
        sa.update(Delivery).where(Delivery.id.in_(ids)).values(next_at=now), execution_options=_PLAIN
    )
    at_rest = sa.and_(Batch.id == batch.id, Batch.state == BatchState.READY, Batch.next_at > now)
    db.session.execute(sa.update(Batch).where(at_rest).values(next_at=now), execution_options=_PLAIN)
    return len(ids)
