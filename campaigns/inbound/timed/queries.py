"""Named reads of timed emails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.inbound.timed.models import TimedMail


def timed_mails() -> Sequence[TimedMail]:
    """All of them: what goes out next first, then what doesn't."""
    order = (TimedMail.next_at.is_(None), TimedMail.next_at, TimedMail.id.desc())
    return db.session.scalars(sa.select(TimedMail).order_by(*order)).all()


def timed_mail(mail_id: int) -> TimedMail:
    """That one; raises NotFound."""
    found = db.session.get(TimedMail, mail_id)
    if found is None:
        raise NotFound(_("Scheduled email not found."))
    return found


def due(*, now: datetime, limit: int = 100) -> Sequence[int]:
    """Ids of those whose time has come, the earliest first."""
    statement = sa.select(TimedMail.id).where(TimedMail.next_at <= now)
    return db.session.scalars(statement.order_by(TimedMail.next_at, TimedMail.id).limit(limit)).all()
