"""Named reads of timed emails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.inbound.timed.models import TimedMail

AHEAD = timedelta(hours=1)  # more than the clocks of two machines differ, less than a rhythm


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
    """Ids of those whose time has come, and of those that went out in the future; the earliest first."""
    is_ahead = sa.and_(TimedMail.next_at.is_not(None), TimedMail.last_at > now + AHEAD)
    statement = sa.select(TimedMail.id).where(sa.or_(TimedMail.next_at <= now, is_ahead))
    return db.session.scalars(statement.order_by(TimedMail.next_at, TimedMail.id).limit(limit)).all()
