"""After a cancellation: ends the rows that still wait, some batches at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.delivery.ledger.batches import Claim
from campaigns.delivery.models import Batch, BatchState, Delivery, Reason, State, Tally
from campaigns.planning.models import Campaign, Status

WAITING = (State.PENDING, State.DEFERRED)
AT_ONCE = 10  # batches: a few thousand rows, about 0.1 s


def unsettled() -> list[int]:
    """Ids of cancelled campaigns that still have waiting rows in batches that no lane holds."""
    left = (
        sa.select(Batch.id).where(Batch.campaign_id == Campaign.id, Batch.state == BatchState.READY).exists()
    )
    statement = sa.select(Campaign.id).where(Campaign.status == Status.CANCELLED, left).order_by(Campaign.id)
    return list(db.session.scalars(statement))


def settle_some(campaign_id: int, *, now: datetime) -> bool:
    """End the waiting rows of the next few batches; True when there may be more. The caller commits."""
    found: Any = (
        sa.select(Batch.id, Batch.wave, Batch.number, Batch.tally)
        .where(Batch.campaign_id == campaign_id, Batch.state == BatchState.READY)
        .order_by(Batch.id)
        .limit(AT_ONCE)
    )
    rows = db.session.execute(found.with_for_update(skip_locked=True)).all()
    for row in rows:
        _end_rows(db.session, campaign_id, row.wave, row.number, now)
        db.session.execute(
            sa.update(Batch)
            .where(Batch.id == row.id)
            .values(state=BatchState.DONE, next_at=None, last_at=None, tally=ended(row.tally))
        )
    return len(rows) == AT_ONCE


def end_waiting(connection: sa.Connection, held: Iterable[Claim], *, now: datetime) -> None:
    """End the waiting rows of a lane's batches that are not on the wire, after the campaign was cancelled.

    Only the lane calls this: nobody else writes to a batch that a lane holds.
    """
    for claim in held:
        _end_rows(connection, claim.campaign_id, claim.wave, claim.number, now)


def _end_rows(connection: Any, campaign_id: int, wave: int, number: int, now: datetime) -> None:
    """One batch at a time: with several numbers PostgreSQL would read the whole campaign."""
    connection.execute(
        sa.update(Delivery)
        .where(
            Delivery.campaign_id == campaign_id,
            Delivery.wave == wave,
            Delivery.batch_number == number,
            Delivery.state.in_(WAITING),
        )
        .values(state=State.CANCELLED, reason=Reason.CAMPAIGN_CANCELLED, done_at=now, next_at=None)
        .execution_options(synchronize_session=False)
    )


def ended(tally: Tally | None) -> Any:
    """The tally of the same batch once its waiting rows have ended."""
    if tally is None:
        return sa.null()
    kept = [entry for entry in tally if entry[0] not in WAITING]
    ended = sum(number for state, _reason, number in tally if state in WAITING)
    return [*kept, (int(State.CANCELLED), str(Reason.CAMPAIGN_CANCELLED), ended)] if ended else kept
