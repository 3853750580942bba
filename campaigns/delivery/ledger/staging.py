"""When staged suppressions are applied, and how an operator takes them back.

They are applied only behind the bounce brake (`autopause.bounce_limits`):

- While the campaign sends, in steps: at least a hundred recipients have had an answer since it was last
  resumed from the brake, and the brake lets it pass. The newest hundred bounces still wait: if the server has
  just begun to report every address as unknown, these are the wrong ones.
- At its end, the rest, after the brake was asked again with the stricter limits of the end.
- Never while it is paused. What was staged before an operator resumed it waits until the next hundred answers
  confirm it; if the campaign ends without them it is dropped. A cancelled campaign is judged as at its end.
- Not the first time where a domain reported all of its recipients as unknown (`ledger.silent_domains`).

What is dropped stays a failed recipient and suppresses no address.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from campaigns.audience.models import Consent, Subscriber, Suppression
from campaigns.audience.suppressing import LONGEST_NOTE
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.delivery.ledger import silent_domains
from campaigns.delivery.models import Batch, BatchState, Bounce, Delivery, Stage
from campaigns.planning.models import Campaign, Status

HELD_BACK = 100
APART = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many addresses are staged, and how many are suppressed, because of this campaign alone."""

    staged: int
    suppressed: int

    @property
    def total(self) -> int:
        return self.staged + self.suppressed


def standing(campaign_id: int) -> Standing:
    """What `undo` would take back."""
    staged = sa.select(sa.func.count()).select_from(Bounce).where(*_staged(campaign_id))
    own = sa.and_(Suppression.campaign_id == campaign_id, _heir(campaign_id).is_(None))
    suppressed = sa.select(sa.func.count()).select_from(Suppression).where(own)
    return Standing(db.session.scalar(staged) or 0, db.session.scalar(suppressed) or 0)


def has_staged(campaign_id: int, *, upto: int | None = None) -> bool:
    """Whether any suppression is staged, up to the bounce with the id `upto`."""
    staged = sa.select(Bounce.id).where(*_staged(campaign_id), *_upto(upto))
    return db.session.scalar(staged.limit(1)) is not None


def cancelled() -> list[int]:
    """Ids of cancelled campaigns with staged suppressions and no batch in a lane's hands."""
    held = sa.select(Batch.id).where(Batch.campaign_id == Campaign.id, Batch.state == BatchState.LEASED)
    staged = sa.select(Bounce.id).where(Bounce.campaign_id == Campaign.id, _IS_STAGED)
    statement = sa.select(Campaign.id).where(Campaign.status == Status.CANCELLED)
    return list(db.session.scalars(statement.where(staged.exists(), ~held.exists())))


def behind_the_newest(campaign_id: int) -> int:
    """Id of the last bounce that a step may apply; 0 when there is none."""
    ids = sa.select(Bounce.id).where(Bounce.campaign_id == campaign_id).order_by(Bounce.id.desc())
    return db.session.scalar(ids.offset(HELD_BACK).limit(1)) or 0


def apply(
    campaign_id: int, *, upto: int | None = None, except_at: Collection[str] = (), now: datetime
) -> None:
    """Suppress the staged addresses, up to the bounce `upto`, except those at these domains.

    Addresses that are already suppressed stay as they are.
    """
    elsewhere = [~silent_domains.at(except_at)] if except_at else []
    _move(campaign_id, Stage.APPLIED, *_upto(upto), *elsewhere, now=now)
    moved = sa.and_(Bounce.campaign_id == campaign_id, Bounce.stage == Stage.APPLIED, Bounce.judged_at == now)
    columns = ["address_key", "email", "reason", "note", "campaign_id", "created_at"]
    # In one order, so that two campaigns with the same addresses cannot deadlock.
    rows = _suppressions(now).where(moved, ~_has_confirmed()).order_by(Bounce.address_key)
    db.session.execute(
        insert(Suppression).from_select(columns, rows).on_conflict_do_nothing(index_elements=["address_key"])
    )


def drop(campaign_id: int, *, upto: int | None = None, now: datetime) -> None:
    """Drop what is staged, up to the bounce `upto`, without suppressing any address."""
    _move(campaign_id, Stage.DROPPED, *_upto(upto), now=now)


def drop_once(campaign_id: int, *, at: Collection[str], now: datetime) -> None:
    """Drop what is staged at these domains, except addresses that bounced elsewhere a day before."""
    begun = db.session.scalar(sa.select(sa.func.min(Bounce.at)).where(*_staged(campaign_id))) if at else None
    if begun is not None:
        known = _has_bounced_before(begun - APART)
        _move(campaign_id, Stage.DROPPED, silent_domains.at(at), ~known, now=now)


def undo(campaign_id: int, *, now: datetime) -> Standing:
    """Take back what this campaign alone has suppressed or staged; returns how much.

    An address stays suppressed if a person asked for it or another campaign's later bounce supports it.
    """
    found = standing(campaign_id)
    if found.total:
        name = db.session.get_one(Campaign, campaign_id).name
        audit_services.record("campaign.unsuppressed", name, people=found.total, now=now)
    own = Suppression.campaign_id == campaign_id
    heir = _heir(campaign_id)
    _execute(sa.update(Suppression).where(own, heir.is_not(None)).values(campaign_id=heir))
    _execute(sa.delete(Suppression).where(own))
    mine = sa.and_(Bounce.campaign_id == campaign_id, Bounce.stage.in_((Stage.STAGED, Stage.APPLIED)))
    _execute(sa.update(Bounce).where(mine).values(stage=Stage.UNDONE, judged_at=now))
    return found


def take_back(address_key: str, *, campaign_id: int) -> None:
    """Lift the suppression of an address by this campaign, unless another campaign's later bounce supports it."""
    own = sa.and_(Suppression.campaign_id == campaign_id, Suppression.address_key == address_key)
    heir = _heir(campaign_id)
    _execute(sa.update(Suppression).where(own, heir.is_not(None)).values(campaign_id=heir))
    _execute(sa.delete(Suppression).where(own))


# Spelled as in the index: otherwise a prepared statement could not use it.
_IS_STAGED: sa.ColumnElement[bool] = sa.literal_column("bounce.stage") == sa.literal_column("1")


def _staged(campaign_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return Bounce.campaign_id == campaign_id, _IS_STAGED


def _upto(bounce_id: int | None) -> list[sa.ColumnElement[bool]]:
    return [] if bounce_id is None else [Bounce.id <= bounce_id]


def _move(campaign_id: int, to: Stage, *which: sa.ColumnElement[bool], now: datetime) -> None:
    staged = sa.update(Bounce).where(*_staged(campaign_id), *which)
    _execute(staged.values(stage=to, judged_at=now))


def _has_bounced_before(moment: datetime) -> sa.ColumnElement[bool]:
    """SQL condition: another campaign's bounce speaks against the address, and no operator has undone it."""
    other = aliased(Bounce)
    earlier = sa.and_(
        other.address_key == Bounce.address_key,
        other.campaign_id != Bounce.campaign_id,
        other.stage.in_((Stage.APPLIED, Stage.DROPPED)),
        other.at <= moment,
    )
    return sa.select(sa.literal_column("1")).where(earlier).correlate(Bounce).exists()


def _suppressions(now: datetime) -> Any:
    """A suppression for each bounce; only with the key if the person was erased or changed the address.

    It quotes the server's reply, unless that accepted the email: what came back later is said elsewhere.
    """
    code = sa.func.coalesce(sa.cast(Delivery.code, sa.String) + " ", "")
    said = sa.func.substr(code + sa.func.coalesce(Delivery.reply, ""), 1, LONGEST_NOTE)
    return (
        sa.select(
            Bounce.address_key,
            Subscriber.email,
            Bounce.suppresses,
            sa.case((sa.or_(Subscriber.id.is_(None), Delivery.bounced_at.is_not(None)), ""), else_=said),
            Bounce.campaign_id,
            sa.literal(now, Suppression.created_at.type),
        )
        .select_from(Bounce)
        .join(Delivery, Delivery.id == Bounce.delivery_id)
        .outerjoin(
            Subscriber,
            sa.and_(Subscriber.id == Delivery.subscriber_id, Subscriber.address_key == Bounce.address_key),
        )
    )


def _has_confirmed() -> sa.ColumnElement[bool]:
    """SQL condition: the person has confirmed a subscription since, so the address works."""
    later = sa.and_(
        Consent.subscriber_id == Delivery.subscriber_id, Consent.act == "confirmed", Consent.at > Bounce.at
    )
    return sa.select(sa.literal_column("1")).where(later).correlate(Delivery, Bounce).exists()


def _heir(campaign_id: int) -> Any:
    """Another campaign whose later bounce would also have suppressed the address; NULL when there is none."""
    other = aliased(Bounce)
    return (
        sa.select(sa.func.min(other.campaign_id))
        .where(
            other.address_key == Suppression.address_key,
            other.stage == Stage.APPLIED,
            other.campaign_id != campaign_id,
            other.judged_at >= Suppression.created_at,
        )
        .correlate(Suppression)
        .scalar_subquery()
    )


def _execute(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
