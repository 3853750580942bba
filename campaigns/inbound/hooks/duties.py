"""What the dispatcher looks after for webhooks and alerts. Each may run twice or be interrupted without harm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from campaigns.core import queue
from campaigns.core.db import db, reading
from campaigns.inbound.hooks import keeping
from campaigns.inbound.hooks.alerts import intake

EVERY_S = 5.0
SELDOM_S = 600.0
TELL = "campaigns.inbound.hooks.jobs.tell_of_alerts"


def hint_events(now: datetime) -> None:
    """Enqueue a job for events that no worker has applied."""
    if _read(keeping.is_any_waiting) and not queue.waiting(keeping.APPLY):
        queue.enqueue(keeping.APPLY)


def hint_alerts(now: datetime) -> None:
    """Enqueue a job for alerts that the team has to be told of."""
    if _read(lambda: intake.is_any_due(now=now)) and not queue.waiting(TELL):
        queue.enqueue(TELL)


def clean_up(now: datetime) -> None:
    """Delete old events, nonces and resolved alerts."""
    keeping.forget_old(now=now)
    intake.forget_resolved(now - intake.KEPT_FOR)
    db.session.commit()


def _read(look: Callable[[], bool]) -> bool:
    """Run a read that takes no lock, and leave no transaction open."""
    db.session.rollback()
    with reading():
        try:
            return look()
        finally:
            db.session.rollback()
