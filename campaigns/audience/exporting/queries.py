"""Named reads of exports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.exporting.models import Export, ExportChoice, ExportStatus
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _

MOST_SHOWN = 20


def export(export_id: int) -> Export:
    """That export; raises NotFound."""
    found = db.session.get(Export, export_id) if abs(export_id) <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("Export not found. Files are deleted after 7 days."))
    return found


def export_for(export_id: int, *, operator_id: int, is_admin: bool) -> Export:
    """That export, if it is this operator's or an admin asks; raises NotFound."""
    found = export(export_id)
    if not is_admin and found.operator_id != operator_id:
        raise NotFound(_("Export not found. Files are deleted after 7 days."))
    return found


def recent(*, operator_id: int, is_admin: bool) -> Sequence[Export]:
    """The latest exports that this operator may download."""
    statement = sa.select(Export).order_by(Export.id.desc()).limit(MOST_SHOWN)
    if not is_admin:
        statement = statement.filter_by(operator_id=operator_id)
    return db.session.scalars(statement).all()


def choice(operator_id: int) -> ExportChoice | None:
    """What the operator chose for their last export."""
    return db.session.get(ExportChoice, operator_id)


def waiting(*, now: datetime) -> list[int]:
    """Ids of exports that no worker holds."""
    return list(
        db.session.scalars(
            sa.select(Export.id)
            .where(Export.status.in_((ExportStatus.QUEUED, ExportStatus.RUNNING)))
            .where(Export.lease_until.is_(None) | (Export.lease_until < now))
            .order_by(Export.id)
        )
    )


def created_before(moment: datetime) -> Sequence[Export]:
    """The exports that are older than this."""
    return db.session.scalars(sa.select(Export).where(Export.created_at < moment)).all()
