"""Settles messages that a dead lane left open: by its journal, the reader's activity, then the policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from campaigns.delivery.ledger import batches, candidates
from campaigns.delivery.ledger.batches import Claim
from campaigns.delivery.ledger.outcomes import Fate, doubtful
from campaigns.delivery.models import Attempt, Delivery, Reason, State
from campaigns.delivery.sender import ack_journal
from campaigns.delivery.sender.ack_journal import Mark, Notes
from campaigns.planning.models import Campaign, Status

TEXT = "The sending process ended before the server's answer was recorded."


def resolve(connection: sa.Connection, claim: Claim, *, folder: Path, now: datetime) -> dict[State, int]:
    """Settle the rows that a former lane left `sending` in a batch taken over; how many got which state.

    Accepted according to the journal, opened or clicked: sent. Never handed to the wire: pending again. In
    doubt: pending once more; unknown the second time, or at once if the campaign's policy is to hold.
    """
    rows = connection.execute(_left_behind(claim)).all()
    if not rows:
        return {}
    campaign = connection.execute(
        sa.select(Campaign.holds_in_doubt, Campaign.status).where(Campaign.id == claim.campaign_id)
    ).one()
    notes = ack_journal.read(folder, claim.former) if claim.former else None
    counts: dict[State, int] = {}
    for row in rows:
        fate = _fate(row, notes, holds=campaign.holds_in_doubt)
        if fate.state is State.PENDING and campaign.status is Status.CANCELLED:
            fate = replace(fate, state=State.CANCELLED, reason=Reason.CAMPAIGN_CANCELLED)
        _write(connection, row, fate, now)
        counts[fate.state] = counts.get(fate.state, 0) + 1
    return counts


def _left_behind(claim: Claim) -> Any:
    return sa.select(
        Delivery.id,
        Delivery.fence,
        Delivery.doubts,
        Delivery.server_id,
        sa.or_(
            Delivery.opened_at.is_not(None),
            Delivery.clicked_at.is_not(None),
            Delivery.unsubscribed_at.is_not(None),
        ).label("was_read"),
    ).where(
        *batches.rows_of(claim),
        Delivery.state == State.SENDING,
        Delivery.fence < claim.fence,
    )


def _fate(row: Any, notes: Notes | None, *, holds: bool) -> Fate:
    mark = notes.of(row.id, row.fence) if notes else None
    if mark is Mark.ACCEPTED or row.was_read:
        return Fate(State.SENT, None, row.doubts, notes.code(row.id, row.fence) if notes else None)
    if mark is None and notes and notes.is_whole:
        return Fate(State.PENDING, None, row.doubts, was_handed=False)
    if mark in (Mark.REFUSED, Mark.NOT_SENT):
        return Fate(State.PENDING, None, row.doubts)
    return doubtful(row.doubts, holds=holds)


def _write(connection: sa.Connection, row: Any, fate: Fate, now: datetime) -> None:
    values: dict[str, Any] = {
        "state": fate.state,
        "reason": fate.reason,
        "doubts": fate.doubts,
        "code": fate.code,
        "done_at": now if fate.state.is_final else None,
    }
    if not fate.was_handed:
        values["started_at"] = candidates.FORMER_DATE
    connection.execute(sa.update(Delivery).where(Delivery.id == row.id).values(values))
    if fate.doubts > row.doubts:
        attempt = {"delivery_id": row.id, "at": now, "phase": "end", "text": TEXT}
        connection.execute(sa.insert(Attempt).values(attempt | {"server_id": row.server_id}))
