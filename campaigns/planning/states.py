"""The table of a campaign's states, and the statement that moves it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm.util import identity_key

from campaigns.core.db import db
from campaigns.core.errors import Conflict, NotFound
from campaigns.core.i18n import _
from campaigns.planning.models import Campaign, Status

MOVES: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.SCHEDULED}),
    Status.SCHEDULED: frozenset({Status.DRAFT, Status.PREPARING, Status.PAUSED, Status.CANCELLED}),
    Status.PREPARING: frozenset(
        {Status.SENDING, Status.SCHEDULED, Status.DRAFT, Status.PAUSED, Status.CANCELLED}
    ),
    Status.SENDING: frozenset({Status.PAUSED, Status.FINISHED, Status.CANCELLED}),
    # Scheduled again: it was paused before its recipients were written.
    Status.PAUSED: frozenset({Status.SENDING, Status.SCHEDULED, Status.CANCELLED}),
    # Only for a new wave to failed recipients.
    Status.FINISHED: frozenset({Status.SENDING}),
    Status.CANCELLED: frozenset(),
}


def move(campaign_id: int, to: Status, *, now: datetime, version: int | None = None, **values: Any) -> None:
    """Move a campaign in one conditional UPDATE that also sets `values`; `version` must be unchanged.

    Raises Conflict with a sentence about its current state, NotFound when it was deleted.
    """
    allowed = [origin for origin, targets in MOVES.items() if to in targets]
    statement = sa.update(Campaign).where(Campaign.id == campaign_id, Campaign.status.in_(allowed))
    if version is not None:
        statement = statement.where(Campaign.version == version)
    columns = {
        "status": to,
        "version": Campaign.version + 1,
        "updated_at": now,
        **_entering(to, now=now),
        **values,
    }
    moved = db.session.execute(statement.values(columns).execution_options(synchronize_session=False))
    _forget(campaign_id)
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise _refusal(campaign_id, to)


def _entering(to: Status, *, now: datetime) -> dict[str, Any]:
    """The columns that a state sets; leaving a pause clears its reason."""
    columns: dict[str, Any] = {"pause_reason": None, "pause_detail": None, "paused_at": None}
    if to is Status.PAUSED:
        columns = {"paused_at": now}
    elif to is Status.SENDING:
        started = sa.func.coalesce(Campaign.started_at, sa.literal(now, Campaign.started_at.type))
        columns |= {"epoch": Campaign.epoch + 1, "started_at": started, "finished_at": None}
    elif to in (Status.FINISHED, Status.CANCELLED):
        columns |= {"finished_at": now}
    elif to is Status.DRAFT:
        columns |= {"send_at": None}
    return columns


def _forget(campaign_id: int) -> None:
    """Expire the row in the session: the UPDATE bypassed its objects."""
    held = db.session.identity_map.get(identity_key(Campaign, campaign_id))
    if held is not None:
        db.session.expire(held)


def _refusal(campaign_id: int, to: Status) -> Exception:
    status = db.session.scalar(sa.select(Campaign.status).where(Campaign.id == campaign_id))
    if status is None:
        return NotFound(_("Campaign not found."))
    if to in MOVES[status]:
        return Conflict(_("This campaign has changed. Review it again before you continue."))
    return Conflict(
        {
            Status.DRAFT: _("This campaign is a draft now. Nothing is sent until you schedule it."),
            Status.SCHEDULED: _("This campaign is already scheduled. Reload to see the latest version."),
            Status.PREPARING: _("This campaign is about to start. Wait a moment, then reload."),
            Status.SENDING: _("This campaign is already sending. View its progress on the campaign page."),
            Status.PAUSED: _("This campaign is paused. Resume or cancel it on its page."),
            Status.FINISHED: _("This campaign has finished. Copy it to send it again."),
            Status.CANCELLED: _("This campaign was cancelled. Copy it to send it."),
        }[status]
    )
