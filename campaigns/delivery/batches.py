"""Batches: claimed by one lane at a time under a lease and a fence token, given back, settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.core.dialect import skip_locked
from campaigns.delivery.leases import database_moment
from campaigns.delivery.models import Batch, BatchState, Delivery, State
from campaigns.delivery.tallies import tally_of


class Fenced(Exception):
    """The lease was lost and another lane has the batch: nothing more may be written or sent."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch in our hands. `former` names the lane that lost it, if it was taken over."""

    batch_id: int
    campaign_id: int
    wave: int
    number: int
    fence: int
    former: str | None = None


def claim(
    connection: sa.Connection,
    campaign_id: int | None,
    *,
    owner: str,
    seconds: float,
    only_expired: bool = False,
) -> Claim | None:
    """Take the next batch that is ready or whose lease has ended; None when there is none.

    Without a campaign, of any campaign. The caller commits.
    """
    expired = sa.and_(Batch.state == BatchState.LEASED, Batch.lease_until < database_moment())
    ready = sa.and_(
        Batch.state == BatchState.READY, sa.or_(Batch.next_at.is_(None), Batch.next_at <= database_moment())
    )
    statement: Any = sa.select(
        Batch.id, Batch.campaign_id, Batch.wave, Batch.number, Batch.fence, Batch.state, Batch.owner
    ).where(expired if only_expired else sa.or_(ready, expired))
    if campaign_id is not None:
        statement = statement.where(Batch.campaign_id == campaign_id)
    found = connection.execute(skip_locked(statement.order_by(Batch.id).limit(1))).first()
    if found is None:
        return None
    connection.execute(
        sa.update(Batch)
        .where(Batch.id == found.id)
        .values(
            state=BatchState.LEASED,
            owner=owner,
            fence=Batch.fence + 1,
            lease_until=database_moment(seconds),
            next_at=None,
            tally=sa.null(),  # from now on its rows move
        )
    )
    former = (found.owner or "") if found.state is BatchState.LEASED else None
    return Claim(found.id, found.campaign_id, found.wave, found.number, found.fence + 1, former)


def renew(connection: sa.Connection, claim: Claim, *, seconds: float) -> None:
    """Push the end of the lease out; raises Fenced when the batch is no longer ours."""
    renewed = connection.execute(
        sa.update(Batch).where(*_ours(claim)).values(lease_until=database_moment(seconds))
    )
    if renewed.rowcount != 1:
        raise Fenced(f"batch {claim.batch_id}, fence {claim.fence}")


def settle(connection: sa.Connection, claim: Claim) -> bool:
    """Give the batch back: done when nobody in it waits, else ready, or ready at the next retry's time.

    True when it is done. Raises Fenced when it is no longer ours.
    """
    rows = connection.execute(
        sa.select(
            Delivery.state,
            Delivery.reason,
            sa.func.count().label("number"),
            sa.func.min(Delivery.next_at).label("first"),
            sa.func.max(Delivery.next_at).label("last"),
        )
        .where(*rows_of(claim), Delivery.is_latest)
        .group_by(Delivery.state, Delivery.reason)
    ).all()
    waits_now = any(row.state in (State.PENDING, State.SENDING) for row in rows)
    later = [row for row in rows if row.state is State.DEFERRED]
    is_done = not waits_now and not later
    settled = connection.execute(
        sa.update(Batch)
        .where(*_ours(claim))
        .values(
            state=BatchState.DONE if is_done else BatchState.READY,
            owner=None,
            lease_until=None,
            next_at=None if waits_now else min((row.first for row in later), default=None),
            tally=tally_of(rows),
            last_at=max((row.last for row in later), default=None),
            settled_at=database_moment(),
        )
    )
    if settled.rowcount != 1:
        raise Fenced(f"batch {claim.batch_id}, fence {claim.fence}")
    return is_done


def rows_of(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions under which a ledger row belongs to the batch."""
    return (
        Delivery.campaign_id == claim.campaign_id,
        Delivery.wave == claim.wave,
        Delivery.batch_number == claim.number,
    )


def _ours(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    return (Batch.id == claim.batch_id, Batch.fence == claim.fence, Batch.state == BatchState.LEASED)
