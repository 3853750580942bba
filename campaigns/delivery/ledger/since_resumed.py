"""What has gone wrong in a campaign since an operator last resumed it despite the trouble.

A campaign that was resumed despite a trouble is not paused again for what had happened before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.ledger import silent_domains, tallies
from campaigns.delivery.models import Batch, Bounce, Delivery, Reason, Resumption, State
from campaigns.planning.models import PauseReason

ANSWERED = (State.SENT, State.FAILED)
TROUBLES = (PauseReason.BOUNCE_RATE, PauseReason.IN_DOUBT, PauseReason.CONTENT)


@dataclass(frozen=True, slots=True)
class Share:
    """`number` of `answered` recipients. `after`: id of the last bounce before them."""

    number: int
    answered: int
    after: int = 0


def shares(campaign_id: int) -> dict[PauseReason, Share]:
    """Share of recipients that bounced, are in doubt or could not be composed for, by pause reason."""
    numbers, answered = _totals(campaign_id)
    begun, bounces = _begun(campaign_id)
    found = {}
    for reason in TROUBLES:
        start = begun.get(reason)
        before, seen = (start.number, start.answered) if start else (0, 0)
        if reason is PauseReason.BOUNCE_RATE:
            number, after = bounces, before
        else:
            number, after = max(0, numbers[reason] - before), 0
        found[reason] = Share(number, max(0, answered - seen), after)
    return found


def note(campaign_id: int, reasons: Iterable[PauseReason]) -> None:
    """Count these troubles from here on."""
    numbers, answered = _totals(campaign_id)
    numbers[PauseReason.BOUNCE_RATE] = _latest_bounce(campaign_id)
    for reason in reasons:
        values = {"answered": answered, "number": numbers[reason]}
        written = insert(Resumption).values(campaign_id=campaign_id, reason=reason, **values)
        db.session.execute(
            written.on_conflict_do_update(index_elements=["campaign_id", "reason"], set_=values)
        )


def latest_bounces(
    campaign_id: int, numbers: Iterable[int], *, after: int = 0, except_at: str | None = None
) -> list[Share]:
    """For each number: that many latest bounces, and how many answers they are among.

    Left out where there are fewer since the bounce `after`. Bounces at the domain `except_at` do not count.
    Reads the batches that lanes have worked on meanwhile.
    """
    theirs = sa.and_(Bounce.campaign_id == campaign_id, Bounce.id > after)
    if except_at is not None:
        theirs = sa.and_(theirs, ~silent_domains.at([except_at]))
    newest = sa.select(Bounce.at).where(theirs).order_by(Bounce.id.desc())
    found = []
    for number in numbers:
        since = db.session.scalar(newest.offset(number - 1).limit(1))
        if since is not None:
            found.append(Share(number, max(number, _answered_since(campaign_id, since)), after))
    return found


def _totals(campaign_id: int) -> tuple[Counter[PauseReason], int]:
    """The number of recipients for each trouble that tallies count, and the number that had an answer."""
    numbers: Counter[PauseReason] = Counter()
    answered = 0
    for (state, reason), number in tallies.of(campaign_id).items():
        answered += number if state in ANSWERED else 0
        numbers[PauseReason.IN_DOUBT] += number if state is State.UNKNOWN else 0
        numbers[PauseReason.CONTENT] += number if (state, reason) == (State.FAILED, Reason.CONTENT) else 0
    return numbers, answered


def _begun(campaign_id: int) -> tuple[dict[PauseReason, sa.Row[Any]], int]:
    """Its resumptions by reason, and how many bounces came after the one for bounces: one statement for a tick."""
    resumed: Any = sa.select(
        Resumption.reason, Resumption.number, Resumption.answered, sa.literal_column("0").label("bounces")
    ).filter_by(campaign_id=campaign_id)
    before = (
        sa.select(Resumption.number)
        .filter_by(campaign_id=campaign_id, reason=PauseReason.BOUNCE_RATE)
        .scalar_subquery()
    )
    later = sa.and_(Bounce.campaign_id == campaign_id, Bounce.id > sa.func.coalesce(before, 0))
    nothing = sa.null()
    counted = sa.select(
        sa.cast(nothing, sa.String), sa.cast(nothing, sa.BigInteger), sa.cast(nothing, sa.Integer), sa.func.count()
    ).select_from(Bounce).where(later)  # fmt: skip
    rows: Any = db.session.execute(sa.union_all(resumed, counted)).all()
    return {row.reason: row for row in rows if row.reason}, sum(row.bounces for row in rows)


def _latest_bounce(campaign_id: int) -> int:
    return db.session.scalar(sa.select(sa.func.max(Bounce.id)).filter_by(campaign_id=campaign_id)) or 0


def _answered_since(campaign_id: int, moment: datetime) -> int:
    """Number of answers since `moment`, from batches that were settled since or that a lane holds."""
    since = sa.and_(Delivery.done_at >= moment, Delivery.state.in_(ANSWERED))
    rows = tallies.in_batches(
        (sa.func.count().filter(since).label("number"),),
        Batch.campaign_id == campaign_id,
        sa.or_(Batch.tally.is_(None), Batch.settled_at >= moment),
    ).subquery()
    return int(db.session.scalar(sa.select(sa.func.sum(rows.c.number))) or 0)
