"""Claiming, renewing and giving back batches: one lane holds a batch at a time, under a lease and a fence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from campaigns.core.db import Number, UtcDateTime, Word
from campaigns.delivery.ledger.leases import LATER, NOW
from campaigns.delivery.ledger.tallies import tally_of
from campaigns.delivery.models import Batch, BatchState, Delivery, Reason, State

# Seconds. After its lease has ended, a batch of another host is left alone for this long, because only that
# host can read the journal. Lease, grace and the dispatcher's tick stay below 75 s together (G7).
GRACE_S = 8.0


class Fenced(Exception):
    """The lease was lost and another lane has the batch: nothing more may be written or sent for it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that this lane holds. `former`: the lane that lost it, if it was taken over."""

    batch_id: int
    campaign_id: int
    wave: int
    number: int
    fence: int
    former: str | None = None


@dataclass(frozen=True, slots=True)
class Lanes:
    """What this host knows about lanes: those whose journals are here, and which of them are alive.

    Batches of other hosts' lanes get a grace period. A batch of a lane that is alive here is never taken,
    whatever the database's clock says.
    """

    known: Collection[str] = ()
    living: Collection[str] = ()


_NONE_HERE = Lanes()


def claim(
    connection: sa.Connection, campaign_id: int, *, owner: str, seconds: float, here: Lanes = _NONE_HERE
) -> Claim | None:
    """Take the campaign's next batch that is ready or whose lease has ended; None when there is none.

    The lease lasts `seconds`. The caller commits.
    """
    wanted = {"campaign": campaign_id, **_expired_for(here)}
    return _take(connection, "ready or expired", wanted, owner, seconds)


def claim_expired(
    connection: sa.Connection, *, owner: str, seconds: float, here: Lanes = _NONE_HERE
) -> Claim | None:
    """Take a batch of any campaign whose lease has ended; None when there is none. The caller commits."""
    return _take(connection, "expired", _expired_for(here), owner, seconds)


def is_any_expired(connection: sa.Connection, *, here: Lanes = _NONE_HERE) -> bool:
    """Whether there is a batch that `claim_expired` could take. Locks nothing."""
    look = _next(connection.dialect.name, "expired", is_locked=False)
    return connection.execute(look, _expired_for(here)).first() is not None


def claim_of(connection: sa.Connection, former: str, *, owner: str, seconds: float) -> Claim | None:
    """Take a batch from a lane that is known to be dead, even if its lease still runs. The caller commits."""
    return _take(connection, "of former", {"former": former}, owner, seconds)


def _expired_for(here: Lanes) -> dict[str, Any]:
    return {"known": list(here.known), "living": list(here.living), "grace": -GRACE_S}


def _take(
    connection: sa.Connection, which: str, wanted: dict[str, Any], owner: str, seconds: float
) -> Claim | None:
    found = connection.execute(_next(connection.dialect.name, which), wanted).first()
    if found is None:
        return None
    values = {"id": found.id, "owner": owner, "seconds": seconds}
    connection.execute(_TAKE[connection.dialect.name], values)
    former = (found.owner or "") if found.state == BatchState.LEASED else None
    return Claim(found.id, found.campaign_id, found.wave, found.number, found.fence + 1, former)


def renew(connection: sa.Connection, claim: Claim, *, seconds: float) -> None:
    """Extend the lease to `seconds` from now; raises Fenced when another lane has the batch."""
    values = {"id": claim.batch_id, "fence": claim.fence, "seconds": seconds}
    if connection.execute(_RENEW[connection.dialect.name], values).rowcount != 1:
        raise Fenced(f"batch {claim.batch_id}, fence {claim.fence}")


def settle(connection: sa.Connection, claim: Claim) -> bool:
    """Give the batch back: done when no row in it waits, else ready, now or at the next retry's time.

    Returns True when it is done. Raises Fenced when another lane has the batch.
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
    """SQL conditions: the ledger row belongs to this batch."""
    return (
        Delivery.campaign_id == claim.campaign_id,
        Delivery.wave == claim.wave,
        Delivery.batch_number == claim.number,
    )


# Plain SQL, because these run for every window: building them in SQLAlchemy takes longer than running them.
_NEXT = (
    "SELECT id, campaign_id, wave, number, fence, state, owner FROM batch WHERE {which} ORDER BY id LIMIT 1"
)
_READY = "(state = {ready} AND (next_at IS NULL OR next_at <= {now}))"
_EXPIRED = (
    "(state = {leased} AND owner NOT IN :living"
    " AND (lease_until < {grace} OR (lease_until < {now} AND owner IN :known)))"
)
_WHICH = {
    # The states come first: otherwise SQLite scans all batches of the campaign.
    "ready or expired": f"campaign_id = :campaign AND state IN ({{ready}}, {{leased}}) AND ({_READY} OR {_EXPIRED})",
    "expired": _EXPIRED,
    "of former": "state = {leased} AND owner = :former",
}
_STATES = {state.name.lower(): int(state) for state in BatchState}


@cache
def _next(dialect: str, which: str, *, is_locked: bool = True) -> sa.TextClause:
    grace = LATER[dialect].replace(":seconds", ":grace")
    text = _NEXT.format(which=_WHICH[which].format(now=NOW[dialect], grace=grace, **_STATES))
    statement = sa.text(f"{text} FOR UPDATE SKIP LOCKED" if is_locked and dialect != "sqlite" else text)
    lists = [name for name in ("known", "living") if f":{name}" in text]
    return statement.bindparams(*(sa.bindparam(name, type_=sa.String(), expanding=True) for name in lists))


def _in_each(text: str) -> dict[str, sa.TextClause]:
    """The statement for each dialect; `later` in the text becomes the time `:seconds` from now."""
    return {
        dialect: sa.text(text.format(later=later, ours=_OURS, **_STATES)) for dialect, later in LATER.items()
    }


_OURS = "id = :id AND fence = :fence AND state = {leased}".format(**_STATES)
_TAKE = _in_each(
    "UPDATE batch SET state = {leased}, owner = :owner, fence = fence + 1, next_at = NULL, lease_until = {later},"
    " tally = NULL WHERE id = :id"  # from here on its rows change
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
