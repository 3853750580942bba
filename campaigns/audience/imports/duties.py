"""What the dispatcher looks after for imports. May run twice or be interrupted without harm."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from campaigns.audience.imports import changes
from campaigns.audience.imports.files import uploads
from campaigns.audience.imports.models import Import, ImportStatus
from campaigns.core.db import db

EVERY_S = 3600.0
MOST_PARTS = 20  # removed at a time, each in a transaction of its own
UNCONFIRMED_FOR = timedelta(days=30)
_WAITING = (ImportStatus.UPLOADED, ImportStatus.CHECKED)


def clean_up(now: datetime) -> None:
    """Remove what undoes imports of more than 30 days ago, and imports that nobody confirmed. Commits."""
    for _part in range(MOST_PARTS):
        removed = changes.forget_some(now=now)
        db.session.commit()
        if not removed:
            break
    for old in _never_confirmed(now - UNCONFIRMED_FOR):
        uploads.forget(Path(old.path))
        db.session.delete(old)
        db.session.commit()


def _never_confirmed(before: datetime) -> list[Import]:
    statement = sa.select(Import).where(Import.status.in_(_WAITING), Import.created_at < before)
    return list(db.session.scalars(statement.limit(MOST_PARTS)))
