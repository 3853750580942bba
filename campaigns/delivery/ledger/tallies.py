"""Counts a campaign without reading a million rows: every batch that no lane holds stores the counts of its
rows.

A tally is what a count of the batch's rows would return. It is stored in the transaction that settles a
batch, and removed in the one that claims it, so it is never out of date. Rows of a batch without a tally are
counted one by one. Whoever changes rows of a batch at rest must update its tally in the same transaction.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db, reading
from campaigns.core.dialect import is_sqlite
from campaigns.delivery.models import Batch, Delivery, Reason, State, Tally, Wave
from campaigns.planning.models import Campaign

Key = tuple[State, Reason | None]


def of(campaign_id: int) -> Counter[Key]:
    """Number of recipients by state and reason, each person once, read in one statement."""
    found: Counter[Key] = Counter()
    rows = db.session.execute(_counting(is_sqlite()), {"campaign": campaign_id})
    for tally, times, state, reason in rows:
        entries = json.loads(tally) if tally is not None else [(state, reason, 1)]
        for each, why, number in entries:
            found[_key(each, why)] += number * times
    return found


@cache  # called every second, and building it takes longer than running it
def _counting(_is_sqlite: bool) -> sa.CompoundSelect[Any]:
    campaign = sa.bindparam("campaign", type_=sa.Integer)
    nothing = sa.null()
    at_rest: Any = (
        sa.select(
            sa.cast(Batch.tally, sa.Text).label("tally"),
            sa.func.count().label("number"),
            sa.cast(nothing, sa.SmallInteger).label("state"),
            sa.cast(nothing, sa.String).label("reason"),
        )
        .where(Batch.campaign_id == campaign, Batch.tally.is_not(None))
        .group_by(sa.cast(Batch.tally, sa.Text))
    )
    left_out: Any = sa.select(
        sa.cast(Wave.left_out, sa.Text), sa.literal_column("1"), nothing, nothing
    ).where(Wave.campaign_id == campaign)
    held = in_batches(
        (
            Delivery.state,
            sa.cast(Delivery.reason, sa.String).label("reason"),
            sa.func.count().label("number"),
        ),
        Batch.campaign_id == campaign,
        Batch.tally.is_(None),
        group_by=(Delivery.state, Delivery.reason),
    ).subquery()
    moving = sa.select(nothing, held.c.number, sa.cast(held.c.state, sa.SmallInteger), held.c.reason)
    return sa.union_all(at_rest, left_out, moving)


def in_batches(
    columns: Iterable[Any], *conditions: sa.ColumnElement[bool], group_by: Iterable[Any] = ()
) -> sa.Select[Any]:
    """A SELECT over the rows (each person's latest) of some batches, which goes from the batches to their
    rows.

    Both databases are forced that way: by their statistics, or without any, they would read the whole
    campaign for a few batches. `+ 0` hides a column from its index, so that SQLite cannot start there.
    """
    theirs = sa.and_(
        Delivery.campaign_id == Batch.campaign_id,
        Delivery.wave == Batch.wave + 0,
        Delivery.batch_number == Batch.number + 0,
        Delivery.is_latest,
    )
    if is_sqlite():
        joined = sa.select(*columns).select_from(Batch).join(Delivery, theirs)
        return joined.where(*conditions).group_by(*group_by)
    rows = sa.select(*columns).where(theirs).correlate(Batch).group_by(*group_by).offset(0).lateral()
    return sa.select(*rows.c).select_from(Batch).join(rows, sa.true()).where(*conditions)


def tally_of(rows: Iterable[Any]) -> Tally:
    """The tally of rows `state, reason, number`, sorted, so that equal tallies compare as equal."""
    entries = [(int(row.state), row.reason and str(row.reason), int(row.number)) for row in rows]
    return sorted(entries, key=lambda entry: (entry[0], entry[1] or ""))


def retake(campaign_id: int, changed: Iterable[State]) -> None:
    """Recount the batches at rest that had rows in these states, after such rows were changed."""
    gone = {int(state) for state in changed}
    batches = sa.select(Batch.id, Batch.tally).where(
        Batch.campaign_id == campaign_id, Batch.tally.is_not(None)
    )
    for batch in db.session.execute(batches).all():
        if any(entry[0] in gone for entry in batch.tally):
            kept = tally_of(_rows_of(batch.id))
            db.session.execute(sa.update(Batch).where(Batch.id == batch.id).values(tally=kept))


def recount(campaign_id: int, places: Iterable[tuple[int, int]]) -> None:
    """Recount these batches at rest, given as (wave, number), after their rows became the latest again."""
    for wave, number in places:
        batch = db.session.scalar(
            sa.select(Batch.id).filter_by(campaign_id=campaign_id, wave=wave, number=number)
        )
        if batch is not None:
            kept = tally_of(_rows_of(batch))
            db.session.execute(
                sa.update(Batch).where(Batch.id == batch, Batch.tally.is_not(None)).values(tally=kept)
            )


def _rows_of(batch_id: int) -> list[Any]:
    columns = (Delivery.state, Delivery.reason, sa.func.count().label("number"))
    counted = in_batches(columns, Batch.id == batch_id, group_by=(Delivery.state, Delivery.reason))
    return list(db.session.execute(counted).all())


def faults(campaigns: sa.ColumnElement[bool], *, most: int) -> list[str]:
    """Check some batches at rest; remove each tally that is wrong and return a description of it. Normally
    empty.

    `campaigns`: SQL condition on the campaigns to check. The caller commits.
    """
    some = (
        sa.select(Batch.id, Batch.campaign_id, Batch.number, Batch.fence, Batch.tally)
        .join(Campaign, Campaign.id == Batch.campaign_id)
        .where(campaigns, Batch.tally.is_not(None))
        .order_by(sa.func.random())
        .limit(most)
    )
    with reading():
        batches = db.session.execute(some).all()
        rows_of = {batch.id: _rows_of(batch.id) for batch in batches}
        db.session.rollback()
    found = []
    for batch in batches:
        if tally_of(rows_of[batch.id]) == [tuple(entry) for entry in batch.tally]:
            continue
        # Not a batch that was claimed meanwhile: its rows change, and it has no tally.
        wrong = sa.and_(Batch.id == batch.id, Batch.fence == batch.fence, Batch.tally.is_not(None))
        forgotten: Any = db.session.execute(sa.update(Batch).where(wrong).values(tally=sa.null()))
        if forgotten.rowcount:
            found.append(
                f"Campaign {batch.campaign_id}: the tally of batch {batch.number} was not what is in it."
            )
    return found


def _key(state: int, reason: str | None) -> Key:
    return State(state), Reason(reason) if reason is not None else None
