"""Named reads of changes of many people."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audience.bulk.models import UNDO_FOR, BulkAct, BulkChange, Stage
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _

OFFERED_FOR = timedelta(minutes=10)  # on the page of people


def act(act_id: int) -> BulkAct:
    """That change; raises NotFound."""
    found = db.session.get(BulkAct, act_id) if abs(act_id) <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("Change not found."))
    return found


def acts() -> sa.Select[BulkAct]:
    """All changes, latest first."""
    return sa.select(BulkAct).order_by(BulkAct.id.desc())


def latest_of(operator_id: int, *, now: datetime) -> BulkAct | None:
    """What an operator has just done and can undo."""
    latest = db.session.scalar(
        sa.select(BulkAct)
        .where(BulkAct.operator_id == operator_id, BulkAct.created_at > now - OFFERED_FOR)
        .order_by(BulkAct.id.desc())
        .limit(1)
    )
    return latest if latest is not None and latest.can_be_undone(now) else None


def waiting(*, now: datetime) -> list[int]:
    """Ids of changes that no worker holds."""
    return list(
        db.session.scalars(
            sa.select(BulkAct.id)
            .where(
                BulkAct.stage.in_((Stage.RUNNING, Stage.UNDOING)),
                BulkAct.lease_until.is_(None) | (BulkAct.lease_until < now),
            )
            .order_by(BulkAct.id)
        )
    )


def outdated(*, now: datetime) -> list[int]:
    """Ids of changes that can't be undone any more, and still have rows of people."""
    rows = sa.exists().where(BulkChange.act_id == BulkAct.id)
    is_over = BulkAct.stage.in_((Stage.FINISHED, Stage.UNDONE))
    return list(
        db.session.scalars(sa.select(BulkAct.id).where(is_over, BulkAct.created_at < now - UNDO_FOR, rows))
    )
