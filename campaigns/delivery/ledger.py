"""Writing the ledger: one row for each person of the chosen lists, in one statement per wave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.models import OPEN_STATES, Batch, BatchState, Delivery, State, Wave

BATCH_SIZE = 500
SMALLEST_BATCH = 50
LANES_TO_FEED = 8  # a small audience is cut finer, so that every worker gets a share


def batch_size(people: int) -> int:
    """How many recipients a batch holds, for an audience of that size."""
    return min(BATCH_SIZE, max(SMALLEST_BATCH, people // LANES_TO_FEED))


def write_wave(campaign_id: int, wave: int, people: Any, *, size: int | None, now: datetime) -> int:
    """Insert the rows and batches of a wave; how many people it holds. Doing it again changes nothing."""
    source = people.subquery()
    wanted = db.session.scalar(sa.select(sa.func.count()).where(source.c.reason.is_(None))) or 0
    size = size or batch_size(wanted)
    left_out = source.c.reason.is_not(None)
    place = sa.func.row_number().over(partition_by=left_out, order_by=source.c.subscriber_id)
    batch = (place - 1) // sa.literal_column(str(size), sa.Integer)
    rows = sa.select(
        sa.literal(campaign_id, sa.Integer),
        sa.literal(wave, sa.SmallInteger),
        source.c.address_key,
        source.c.subscriber_id,
        sa.case(
            (left_out, None),
            else_=sa.cast(batch, sa.Integer),
        ),
        sa.cast(
            sa.case(
                (left_out, sa.literal_column(str(int(State.SKIPPED)))),
                else_=sa.literal_column(str(int(State.PENDING))),
            ),
            sa.SmallInteger,
        ),
        source.c.reason,
        sa.case((left_out, sa.literal(now, Delivery.done_at.type)), else_=None),
    )
    columns = [
        *("campaign_id", "wave", "address_key", "subscriber_id"),
        *("batch_number", "state", "reason", "done_at"),
    ]
    # `where true`: without it SQLite reads ON CONFLICT as part of a join.
    db.session.execute(insert(Delivery).from_select(columns, rows.where(sa.true())).on_conflict_do_nothing())
    return _write_batches(campaign_id, wave, now=now)


def _write_batches(campaign_id: int, wave: int, *, now: datetime) -> int:
    of_wave = sa.and_(Delivery.campaign_id == campaign_id, Delivery.wave == wave)
    numbers: Any = (
        sa.select(
            sa.literal(campaign_id, sa.Integer),
            sa.literal(wave, sa.SmallInteger),
            Delivery.batch_number,
            sa.literal_column(str(int(BatchState.READY))),
        )
        .where(of_wave, Delivery.batch_number.is_not(None))
        .distinct()
    )
    columns = ["campaign_id", "wave", "number", "state"]
    db.session.execute(insert(Batch).from_select(columns, numbers).on_conflict_do_nothing())
    audience = db.session.scalar(sa.select(sa.func.count()).select_from(Delivery).where(of_wave)) or 0
    db.session.execute(
        insert(Wave)
        .values(campaign_id=campaign_id, number=wave, audience=audience, launched_at=now)
        .on_conflict_do_nothing()
    )
    return audience


def has_open(campaign_id: int) -> bool:
    """Whether any recipient of the campaign still waits for an end."""
    statement = sa.select(Delivery.id).where(
        Delivery.campaign_id == campaign_id, Delivery.state.in_(OPEN_STATES)
    )
    return db.session.scalar(statement.limit(1)) is not None
