"""Writes the ledger of a wave: one row for each person of the chosen lists, in one statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.core.db import db
from campaigns.core.dialect import is_sqlite
from campaigns.delivery.ledger.tallies import tally_of
from campaigns.delivery.models import OPEN_STATES, Batch, BatchState, Delivery, State, Tally, Wave

BATCH_SIZE = 1000
SMALLEST_BATCH = 50
LAUNCH_CACHE_KIB = 256 * 1024
LANES_TO_FEED = 8  # a small audience is cut into smaller batches, so that every worker gets some


@dataclass(frozen=True, slots=True)
class Written:
    """How many people a wave holds, and how many of them will be sent to."""

    audience: int
    wanted: int


def batch_size(people: int) -> int:
    """Recipients in a batch, for an audience of `people`."""
    return min(BATCH_SIZE, max(SMALLEST_BATCH, people // LANES_TO_FEED))


def write_wave(
    campaign_id: int,
    wave: int,
    people: Any,
    *,
    about: int,
    now: datetime,
    size: int | None = None,
    engaged_first: bool = False,
) -> Written:
    """Insert the rows and batches of a wave for about `about` people. Idempotent.

    `people` is a SELECT of `subscriber_id, address_key, reason` (with a reason: left out). The caller holds
    the campaign's row lock, so that no one else writes the same wave. `engaged_first`: those who opened or
    clicked most recently come first, for a server that cannot send to all of them today.
    """
    known = db.session.get(Wave, (campaign_id, wave))
    if known is not None:
        return Written(known.audience, known.audience - sum(number for *_, number in known.left_out))
    before = db.session.scalar(sa.select(sa.func.max(Delivery.id))) or 0
    size = size or batch_size(about)
    with _room():
        source = people.subquery()
        order = _by_engagement(source) if engaged_first else (source, (source.c.subscriber_id,))
        rows = _rows(campaign_id, wave, *order, size, now).execution_options(preserve_rowcount=True)
        inserted: Any = db.session.execute(rows)
    audience = int(inserted.rowcount)
    left_out = _left_out(campaign_id, wave)
    written = Written(audience, audience - sum(number for *_, number in left_out))
    _write_batches(campaign_id, wave, written.wanted, size)
    first, last = _ends(campaign_id, wave, after=before)
    db.session.add(
        Wave(
            campaign_id=campaign_id,
            number=wave,
            audience=audience,
            left_out=left_out,
            first_id=first,
            last_id=last,
            launched_at=now,
        )
    )
    db.session.flush()
    return written


def _by_engagement(source: Any) -> tuple[Any, tuple[Any, ...]]:
    """The people with their latest open or click in any campaign, and the resulting ORDER BY."""
    people = (
        sa.select(source, Subscriber.last_opened_at.label("latest"))  # a click counts as an open
        .join(Subscriber, Subscriber.id == source.c.subscriber_id)
        .subquery("people")
    )
    return people, (people.c.latest.is_(None), people.c.latest.desc(), people.c.subscriber_id)


def _rows(campaign_id: int, wave: int, source: Any, order: tuple[Any, ...], size: int, now: datetime) -> Any:
    is_left_out = source.c.reason.is_not(None)
    # The number of recipients before this one: rows are numbered in the order of a key, without a sort.
    before = sa.func.count().filter(~is_left_out).over(order_by=order, rows=(None, 0)) - 1
    batch = before // sa.literal_column(str(size), sa.Integer)
    state = sa.case(
        (is_left_out, sa.literal_column(str(int(State.SKIPPED)))),
        else_=sa.literal_column(str(int(State.PENDING))),
    )
    rows = sa.select(
        sa.literal(campaign_id, sa.Integer),
        sa.literal(wave, sa.SmallInteger),
        source.c.address_key,
        source.c.subscriber_id,
        sa.case((is_left_out, None), else_=sa.cast(batch, sa.Integer)),
        sa.cast(state, sa.SmallInteger),
        source.c.reason,
        sa.case((is_left_out, sa.literal(now, Delivery.done_at.type)), else_=None),
    )
    columns = [
        *("campaign_id", "wave", "address_key", "subscriber_id"),
        *("batch_number", "state", "reason", "done_at"),
    ]
    # Within a batch, rows are sent in the order in which they are inserted.
    return sa.insert(Delivery).from_select(columns, rows if len(order) == 1 else rows.order_by(*order))


def _left_out(campaign_id: int, wave: int) -> Tally:
    """The tally of the people without a batch."""
    rows = db.session.execute(
        sa.select(Delivery.state, Delivery.reason, sa.func.count().label("number"))
        .where(Delivery.campaign_id == campaign_id, Delivery.wave == wave, Delivery.batch_number.is_(None))
        .group_by(Delivery.state, Delivery.reason)
    )
    return tally_of(rows)


def _write_batches(campaign_id: int, wave: int, people: int, size: int) -> None:
    """Insert the batches that the rows were numbered into: all are full but the last."""
    of_wave = {"campaign_id": campaign_id, "wave": wave, "state": BatchState.READY}
    batches = [
        of_wave | {"number": number, "tally": [(int(State.PENDING), None, min(size, people - first))]}
        for number, first in enumerate(range(0, people, size))
    ]
    if batches:
        db.session.execute(sa.insert(Batch), batches)


def _ends(campaign_id: int, wave: int, *, after: int) -> tuple[int | None, int | None]:
    """The first and last id of the wave's rows, which are the newest in the ledger."""
    # `+ 0` hides a column from its index: from either end of the ids, the row is a step or two away.
    theirs = sa.and_(Delivery.id > after, Delivery.campaign_id + 0 == campaign_id, Delivery.wave + 0 == wave)
    one = sa.select(Delivery.id).where(theirs).limit(1)
    first = db.session.scalar(one.order_by(Delivery.id))
    return first, db.session.scalar(one.order_by(Delivery.id.desc()))


@contextmanager
def _room() -> Iterator[None]:
    """Memory to sort a million keys while they are written; the default is meant for many connections."""
    if is_sqlite():
        usual = db.session.scalar(sa.text("PRAGMA cache_size"))
        db.session.execute(sa.text(f"PRAGMA cache_size={-LAUNCH_CACHE_KIB}"))
        try:
            yield
        finally:
            db.session.execute(sa.text(f"PRAGMA cache_size={usual}"))
        return
    db.session.execute(sa.text(f"SET LOCAL work_mem = '{LAUNCH_CACHE_KIB}kB'"))
    yield


def of_person(subscriber_id: Any) -> sa.ColumnElement[bool]:
    """SQL condition that joins a person's rows to the waves, which are few: no index over all people of all
    campaigns is needed for it.
    """
    # `+ 0` hides a column from its index, so that neither database starts with the rows.
    return sa.and_(
        Delivery.campaign_id == Wave.campaign_id + 0,
        Delivery.wave == Wave.number + 0,
        Delivery.subscriber_id == subscriber_id,
    )


def has_open(campaign_id: int) -> bool:
    """Whether any row of the campaign still waits or is being sent."""
    statement = sa.select(Delivery.id).where(
        Delivery.campaign_id == campaign_id, Delivery.state.in_(OPEN_STATES)
    )
    return db.session.scalar(statement.limit(1)) is not None
