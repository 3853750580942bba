"""Emails to operators about a mailbox that cannot be read: one, until it works again."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from campaigns.core.db import changed_by, db
from campaigns.delivery import alerts
from campaigns.inbound.models import Mailbox
from campaigns.inbound.troubles import sentence_of

FAILURES = 3  # in a row


def post_if_needed(mailbox_id: int, *, now: datetime) -> list[int]:
    """Store the notices if it has failed often enough and nobody was told; their ids, to send after the commit."""
    due = sa.update(Mailbox).where(
        Mailbox.id == mailbox_id, Mailbox.failures >= FAILURES, Mailbox.alerted_at.is_(None)
    )
    if not changed_by(due.values(alerted_at=now)):
        return []
    mailbox = db.session.get_one(Mailbox, mailbox_id, populate_existing=True)
    values = {
        "mailbox": mailbox.name,
        "detail": sentence_of(mailbox.last_error or ""),
        "link": f"{alerts.public_url()}/mailboxes/{mailbox.id}/edit",
    }
    return alerts.tell("alert_mailbox", f"alert:mailbox:{mailbox.id}", values, now=now)
