"""What imports have changed about people, kept for their undo: 30 days, and no longer than the person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.imports.models import Import, ImportChange, ImportStatus
from campaigns.core.db import changed_by, db

AT_ONCE = 5000  # rows that one transaction removes


def has_any(import_id: int) -> bool:
    """Whether this import has changed anything that can be undone."""
    return (
        db.session.scalar(sa.select(ImportChange.import_id).filter_by(import_id=import_id).limit(1))
        is not None
    )


def forget_people(subscriber_ids: Sequence[int], emails: Iterable[str] = ()) -> None:
    """Remove what is known of people who are erased, also where a dry run shows them."""
    gone = set(emails)
    for checked in db.session.scalars(sa.select(Import).filter_by(status=ImportStatus.CHECKED)):
        shown = checked.sample.get("people", [])
        if any(each["email"] in gone for each in shown):
            rest = [each for each in shown if each["email"] not in gone]
            checked.sample = {**checked.sample, "people": rest}
    changed_by(
        sa.delete(ImportChange).where(
            ImportChange.import_id.in_(sa.select(Import.id).where(Import.undo_until.is_not(None))),
            ImportChange.subscriber_id.in_(subscriber_ids),
        )
    )


def forget_import(import_id: int) -> None:
    """Remove everything of an import."""
    _delete(import_id, sa.true())


def forget_some(*, now: datetime) -> int:
    """Remove some of what is older than 30 days, or whose import is gone; how many rows."""
    kept = sa.select(Import.id).where(Import.undo_until > now)
    old = db.session.scalar(
        sa.select(ImportChange.import_id).where(ImportChange.import_id.not_in(kept)).limit(1)
    )
    if old is None:
        return 0
    some = (
        sa.select(ImportChange.subscriber_id)
        .filter_by(import_id=old)
        .order_by(ImportChange.subscriber_id)
        .limit(AT_ONCE)
    )
    return _delete(old, ImportChange.subscriber_id.in_(some.subquery().select()))


def _delete(import_id: int, which: sa.ColumnElement[bool]) -> int:
    return changed_by(sa.delete(ImportChange).where(ImportChange.import_id == import_id, which))
