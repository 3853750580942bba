"""Batches: claimed by one lane at a time under a lease and a fence token, given back, settled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from campaigns.core.db import Number, UtcDateTime, Word
from campaigns.delivery.leases import LATER, NOW
from campaigns.delivery.models import Batch, BatchState, Delivery, Reason, State
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
    values = {"campaign": campaign_id, "owner": owner, "seconds": seconds}
    found = connection.execute(
        _next(connection.dialect.name, campaign_id is None, only_expired), values
    ).first()
    if found is None:
        return None
    connection.execute(_TAKE[connection.dialect.name], {"id": found.id, **values})
    former = (found.owner or "") if found.state == BatchState.LEASED else None
    return Claim(found.id, found.campaign_id, found.wave, found.number, found.fence + 1, former)


def renew(connection: sa.Connection, claim: Claim, *, seconds: float) -> None:
    """Push the end of the lease out; raises Fenced when the batch is no longer ours."""
    values = {"id": claim.batch_id, "fence": claim.fence, "seconds": seconds}
    if connection.execute(_RENEW[connection.dialect.name], values).rowcount != 1:
        raise Fenced(f"batch {claim.batch_id}, fence {claim.fence}")


def settle(connection: sa.Connection, claim: Claim) -> bool:
    """Give the batch back: done when nobody in it waits, else ready, or ready at the next retry's time.

    True when it is done. Raises Fenced when it is no longer ours.
    """
    place = {"campaign": claim.campaign_id, "wave": claim.wave, "number": claim.number}
    rows = connection.execute(_CONTENT, place).all()
    waits_now = any(row.state in (State.PENDING, State.SENDING) for row in rows)
    later = [row for row in rows if row.state is State.DEFERRED]
    is_done = not waits_now and not later
    values = {
        "id": claim.batch_id,
        "fence": claim.fence,
        "seconds": 0,
        "state": int(BatchState.DONE if is_done else BatchState.READY),
        "next": None if waits_now else min((row.first for row in later), default=None),
        "tally": tally_of(rows),
        "last": max((row.last for row in later), default=None),
    }
    if connection.execute(_SETTLE[connection.dialect.name], values).rowcount != 1:
        raise Fenced(f"batch {claim.batch_id}, fence {claim.fence}")
    return is_done


def rows_of(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions under which a ledger row belongs to the batch."""
    return (
        Delivery.campaign_id == claim.campaign_id,
        Delivery.wave == claim.wave,
        Delivery.batch_number == claim.number,
    )


# Written out, because these run for every window: SQLAlchemy's own making of a statement costs more
# than the database's answer to it.
_NEXT = """
    SELECT id, campaign_id, wave, number, fence, state, owner FROM batch
    WHERE ({which}) AND {campaign}
    ORDER BY id LIMIT 1 {lock}
"""
_READY = "(state = {ready} AND (next_at IS NULL OR next_at <= {now}))"
_EXPIRED = "(state = {leased} AND lease_until < {now})"
_STATES = {state.name.lower(): int(state) for state in BatchState}


@cache
def _next(dialect: str, of_any: bool, only_expired: bool) -> sa.TextClause:
    which = _EXPIRED if only_expired else f"{_READY} OR {_EXPIRED}"
    return sa.text(
        _NEXT.format(
            which=which.format(now=NOW[dialect], **_STATES),
            campaign="true" if of_any else "campaign_id = :campaign",
            lock="" if dialect == "sqlite" else "FOR UPDATE SKIP LOCKED",
        )
    )


def _in_each(text: str) -> dict[str, sa.TextClause]:
    """By dialect; `later` in the text is the moment `:seconds` from now."""
    return {
        dialect: sa.text(text.format(later=later, ours=_OURS, **_STATES)) for dialect, later in LATER.items()
    }


_OURS = "id = :id AND fence = :fence AND state = {leased}".format(**_STATES)
_TAKE = _in_each(
    "UPDATE batch SET state = {leased}, owner = :owner, fence = fence + 1, next_at = NULL, lease_until = {later},"
    " tally = NULL WHERE id = :id"  # from now on its rows move
)
_RENEW = _in_each("UPDATE batch SET lease_until = {later} WHERE {ours}")
_SETTLE = {
    dialect: text.bindparams(
        sa.bindparam("next", type_=UtcDateTime()),
        sa.bindparam("last", type_=UtcDateTime()),
        sa.bindparam("tally", type_=Batch.tally.type),
    )
    for dialect, text in _in_each(
        "UPDATE batch SET state = :state, owner = NULL, lease_until = NULL, next_at = :next, tally = :tally,"
        " last_at = :last, settled_at = {later} WHERE {ours}"
    ).items()
}
_CONTENT = sa.text(
    """
    SELECT state, reason, count(*) AS number, min(next_at) AS first, max(next_at) AS last
    FROM delivery
    WHERE campaign_id = :campaign AND wave = :wave AND batch_number = :number AND is_latest
    GROUP BY state, reason
    """
).columns(
    sa.column("state", Number(State)),
    sa.column("reason", Word(Reason)),
    sa.column("number", sa.Integer),
    sa.column("first", UtcDateTime()),
    sa.column("last", UtcDateTime()),
)
