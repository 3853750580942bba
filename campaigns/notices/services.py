"""The outbox of notices. A notice is stored in the transaction of the change that causes it; a worker sends
it, and the dispatcher finds those for which no job exists.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.core.mailtext import MailText
from campaigns.mail.retry import next_attempt
from campaigns.notices.models import Notice

HORIZON = timedelta(hours=4)
MOST_URGENT = 20  # taken at once
JOB = "campaigns.notices.jobs.send_notice"
# A worker that claims a notice has this long before another may try it.
TAKEN_FOR = timedelta(minutes=5)


def post(
    text: MailText,
    *,
    kind: str,
    to: str,
    now: datetime,
    from_name: str | None = None,
    from_address: str | None = None,
    headers: Mapping[str, str] | None = None,
    is_urgent: bool = False,
) -> Notice:
    """Store a notice; after the commit, `enqueue(JOB, notice.id)` sends it at once.

    An urgent one does not wait for a free worker: one that sends a campaign sends it meanwhile.
    """
    notice = Notice(
        kind=kind,
        to_address=to,
        subject=text.subject,
        text=text.text,
        from_name=from_name,
        from_address=from_address,
        headers=None if headers is None else dict(headers),
        is_urgent=is_urgent,
        created_at=now,
        expires_at=now + HORIZON,
        next_at=now,
    )
    db.session.add(notice)
    db.session.flush()  # the job needs the id
    return notice


@dataclass(frozen=True, slots=True)
class Extras:
    """What a notice may have beyond a text. `attachment`: a raw message; `horizon`: how long it is tried."""

    headers: Mapping[str, str] = field(default_factory=dict)
    attachment: bytes | None = None
    from_name: str | None = None
    has_null_path: bool = False
    horizon: timedelta = HORIZON


def post_once(
    text: MailText, *, once: str, kind: str, to: str, now: datetime, extras: Extras | None = None
) -> int | None:
    """Store a notice unless there is one about the same (`once`, at most 100 characters); its id, or None."""
    more = extras or Extras()
    values = {
        "kind": kind,
        "to_address": to,
        "subject": text.subject,
        "text": text.text,
        "from_name": more.from_name,
        "once": once,
        "headers": dict(more.headers) or None,
        "attachment": None if more.attachment is None else zlib.compress(more.attachment),
        "has_null_path": more.has_null_path,
        "created_at": now,
        "expires_at": now + more.horizon,
        "next_at": now,
        "attempts": 0,
    }
    written = insert(Notice).values(**values).on_conflict_do_nothing(index_elements=["once"])
    return db.session.scalar(written.returning(Notice.id))


def is_posted(once: str) -> bool:
    """Whether there is, or was, a notice about that."""
    return db.session.scalar(sa.select(Notice.id).where(Notice.once == once)) is not None


def attachment_of(notice: Notice) -> bytes | None:
    """The message that is attached."""
    return None if notice.attachment is None else zlib.decompress(notice.attachment)


def take(notice_id: int, *, now: datetime) -> Notice | None:
    """Claim a due notice for this worker; None when it is sent, given up, or claimed by another."""
    claimed = db.session.execute(
        sa.update(Notice)
        .where(Notice.id == notice_id, Notice.next_at <= now, Notice.sent_at.is_(None))
        .values(next_at=now + TAKEN_FOR, attempts=Notice.attempts + 1)
    )
    return db.session.get(Notice, notice_id) if claimed.rowcount == 1 else None  # type: ignore[attr-defined]


def record_sent(notice: Notice, *, now: datetime) -> None:
    """The server accepted it; its text is deleted, because it contains secrets."""
    notice.sent_at, notice.next_at, notice.text, notice.error = now, None, "", None
    notice.attachment = None


def record_failure(notice: Notice, error: str, *, is_final: bool, now: datetime) -> None:
    """Sending failed: retry later, or give up if `is_final` or the time is over."""
    notice.error = error[:500]
    due = next_attempt(
        notice.attempts,
        now=now,
        first_attempt_at=notice.created_at,
        horizon=notice.expires_at - notice.created_at,
    )
    notice.next_at = None if is_final else due
    if notice.next_at is None:
        notice.failed_at, notice.text, notice.attachment = now, "", None


def due(*, now: datetime, limit: int = 100) -> list[int]:
    """Ids of notices that are due, the urgent ones first, at most `limit`."""
    waiting = sa.select(Notice.id).where(Notice.next_at <= now)
    return list(db.session.scalars(waiting.order_by(Notice.is_urgent.desc(), Notice.next_at).limit(limit)))


def urgent(*, now: datetime) -> list[int]:
    """Ids of urgent notices that are due."""
    waiting = sa.select(Notice.id).where(Notice.next_at <= now, Notice.is_urgent)
    return list(db.session.scalars(waiting.order_by(Notice.next_at).limit(MOST_URGENT)))
