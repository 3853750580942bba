"""Recovers batches whose lane has died: settled by its journal if it is on this host, otherwise in doubt.

A lane locks its journal, and the lock ends with its process. Whoever finds a journal unlocked knows that this
lane of this host is dead, and settles its batches at once, without waiting for the lease. Another host has no
journal to read, so it leaves expired leases alone for a grace period in which their own host may come first.
After that, the host is gone or cut off.

A lane that lives on this host keeps its batches, whatever the database's clock says: that may have jumped.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from campaigns.core.db import db, reading
from campaigns.delivery.ledger import batches
from campaigns.delivery.ledger.batches import Claim, Lanes
from campaigns.delivery.ledger.leases import database_moment
from campaigns.delivery.models import Batch, BatchState, Share
from campaigns.delivery.sender import ack_journal, in_doubt

log = logging.getLogger(__name__)

LEASE_S = 30.0
MOST = 1000  # batches at a time


def recover(folder: Path, *, owner: str, now: datetime) -> int:
    """Settle the batches of this host's dead lanes, so that any lane can continue them; how many. Commits."""
    taken = 0
    for dead in ack_journal.abandoned(folder):
        while taken < MOST and _settle_one(folder, owner=owner, now=now, former=dead):
            taken += 1
        _end_share(dead)
        if not _holds(dead):
            ack_journal.path_of(folder, dead).unlink(missing_ok=True)
    return taken


def lanes_of(folder: Path) -> Lanes:
    """What this host knows about lanes, from the journals in that folder."""
    return Lanes(known=ack_journal.owners(folder), living=ack_journal.living(folder))


def take_over(folder: Path, *, owner: str, now: datetime) -> int:
    """Settle batches whose lease (and grace, if another host's) has ended; how many. Commits."""
    taken = 0
    while taken < MOST and _is_any_expired(folder) and _settle_one(folder, owner=owner, now=now):
        taken += 1
    return taken


def _is_any_expired(folder: Path) -> bool:
    """Checked first, because on SQLite a writing transaction blocks all other writers."""
    with reading(), db.engine.connect() as connection:
        return batches.is_any_expired(connection, here=lanes_of(folder))


def _settle_one(folder: Path, *, owner: str, now: datetime, former: str | None = None) -> bool:
    with db.engine.begin() as connection:
        claim = (
            batches.claim_of(connection, former, owner=owner, seconds=LEASE_S)
            if former
            else batches.claim_expired(connection, owner=owner, seconds=LEASE_S, here=lanes_of(folder))
        )
        if claim is None:
            return False
        counts = in_doubt.resolve(connection, claim, folder=folder, now=now)
        batches.settle(connection, claim)
    _say(claim, ", ".join(f"{count} {state.word}" for state, count in counts.items()))
    return True


def _end_share(owner: str) -> None:
    """Release its connections and reserved messages to the lanes that live."""
    with db.engine.begin() as connection:
        connection.execute(sa.update(Share).where(Share.owner == owner).values(until=database_moment(-1)))


def _holds(owner: str) -> bool:
    """Whether a batch is still in its name: one that is locked by its last transaction is left for later."""
    with db.engine.begin() as connection:
        held = sa.select(Batch.id).where(Batch.owner == owner, Batch.state == BatchState.LEASED).limit(1)
        return connection.execute(held).first() is not None


def _say(claim: Claim, words: str) -> None:
    log.warning("Campaign %s: took back batch %s (%s).", claim.campaign_id, claim.number, words or "at rest")
