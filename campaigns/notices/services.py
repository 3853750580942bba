"""Posting the app's own mails. The row is written with the change that asks for it (one transaction);
a worker sends it, and the dispatcher finds those that nobody was told about."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.mailtext import MailText
from campaigns.mail.retry import next_attempt
from campaigns.notices.models import Notice

HORIZON = timedelta(hours=4)
JOB = "campaigns.notices.jobs.send_notice"
# A worker that takes a notice has this long before another may try it again.
TAKEN_FOR = timedelta(minutes=5)


def post(
    text: MailText,
    *,
    kind: str,
    to: str,
    now: datetime,
    from_name: str | None = None,
    from_address: str | None = None,
) -> Notice:
    """Put a mail into the outbox; after the commit, `enqueue(JOB, notice.id)` sends it at once."""
    notice = Notice(
        kind=kind,
        to_address=to,
        subject=text.subject,
        text=text.text,
        from_name=from_name,
        from_address=from_address,
        created_at=now,
        expires_at=now + HORIZON,
        next_at=now,
    )
    db.session.add(notice)
    db.session.flush()  # the id is wanted for the job
    return notice


def take(notice_id: int, *, now: datetime) -> Notice | None:
    """Claim a due notice for this worker; None when it is sent, over, or in other hands."""
    claimed = db.session.execute(
        sa.update(Notice)
        .where(Notice.id == notice_id, Notice.next_at <= now, Notice.sent_at.is_(None))
        .values(next_at=now + TAKEN_FOR, attempts=Notice.attempts + 1)
    )
    return db.session.get(Notice, notice_id) if claimed.rowcount == 1 else None  # type: ignore[attr-defined]


def record_sent(notice: Notice, *, now: datetime) -> None:
    """The server took it; its words are forgotten, for they hold secrets."""
    notice.sent_at, notice.next_at, notice.text, notice.error = now, None, "", None


def record_failure(notice: Notice, error: str, *, is_final: bool, now: datetime) -> None:
    """It did not go: try again later, or give up when the server said never or time is over."""
    notice.error = error[:500]
    due = next_attempt(
        notice.attempts,
        now=now,
        first_attempt_at=notice.created_at,
        horizon=notice.expires_at - notice.created_at,
    )
    notice.next_at = None if is_final else due
    if notice.next_at is None:
        notice.failed_at, notice.text = now, ""


def due(*, now: datetime, limit: int = 100) -> list[int]:
    """Ids of notices that wait for a worker."""
    return list(
        db.session.scalars(
            sa.select(Notice.id).where(Notice.next_at <= now).order_by(Notice.next_at).limit(limit)
        )
    )
