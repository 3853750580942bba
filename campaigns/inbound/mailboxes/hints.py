"""What the dispatcher asks the mail workers for: mailboxes that are due, messages that were left unhandled."""

from __future__ import annotations

from datetime import datetime

from campaigns.core import config, queue
from campaigns.core.db import db
from campaigns.core.hints import hint_each
from campaigns.inbound.mailboxes import practice, queries, stored

EVERY_S = 2.0
SELDOM_S = 60.0
READ = "campaigns.inbound.jobs.read_mailbox"
HANDLE = "campaigns.inbound.jobs.handle_message"
PRACTICE = "campaigns.inbound.jobs.read_practice"


def hint_mailboxes(now: datetime) -> None:
    """Enqueue the mailboxes that are due, once each."""
    hint_each(READ, lambda: queries.due(now=now))


def hint_messages(now: datetime) -> None:
    """Enqueue stored messages whose handling was cut short."""
    hint_each(HANDLE, lambda: stored.due(now=now))


def hint_practice(now: datetime) -> None:
    """Enqueue the reading of the test inbox when it has sent something back."""
    if practice.has_answers() and not queue.waiting(PRACTICE):
        queue.enqueue(PRACTICE)


def drop_old_bytes(now: datetime) -> None:
    """Forget the bytes of messages that are kept no longer."""
    if stored.drop_old_bytes(now=now, days=config.current().inbound_days):
        db.session.commit()


def nobody_waits() -> bool:
    """Whether no job waits for a mail worker."""
    return not queue.waiting(READ) and not queue.waiting(READ, other=True)
