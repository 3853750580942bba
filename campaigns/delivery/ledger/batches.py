"""Batches: claimed by one lane at a time under a lease and a fence token, given back, settled."""

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

# So long after its lease another host's batch is left to that host, which alone can read the journal. With the
# lease and the dispatcher's tick it stays below 75 s (G7).
GRACE_S = 8.0


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


@dataclass(frozen=True, slots=True)
class Lanes:
    """What this host knows of lanes: those whose journals are here, and those of them that live.

    The batches of others get their grace. From who lives here no batch is taken, whatever the database's clock says.
    """

    known: Collection[str] = ()
    living: Collection[str] = ()


_NONE_HERE = Lanes()


def claim(
    connection: sa.Connection, campaign_id: int, *, owner: str, seconds: float, here: Lanes = _NONE_HERE
) -> Claim | None:
    """Take the campaign's next batch that is ready or whose lease has ended; None when there is none.

    The caller commits.
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
    """Take a batch from a lane that is known to be dead, whatever its lease says. The caller commits."""
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
_NEXT = (
    "SELECT id, campaign_id, wave, number, fence, state, owner FROM batch WHERE {which} ORDER BY id LIMIT 1"
)
_READY = "(state = {ready} AND (next_at IS NULL OR next_at <= {now}))"
_EXPIRED = (
    "(state = {leased} AND owner NOT IN :living"
    " AND (lease_until < {grace} OR (lease_until < {now} AND owner IN :known)))"
)
_WHICH = {
    # The states said first: else SQLite walks along all batches of the campaign.
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
