"""What the dispatcher looks after for webhooks and alerts. Each may run twice or be interrupted without harm."""

from __future__ import annotations

from datetime import datetime

from campaigns.core.db import db
from campaigns.core.hints import hint
from campaigns.inbound.hooks import keeping
from campaigns.inbound.hooks.alerts import intake

EVERY_S = 5.0
SELDOM_S = 600.0
TELL = "campaigns.inbound.hooks.jobs.tell_of_alerts"


def hint_events(now: datetime) -> None:
    """Enqueue a job for events that no worker has applied."""
    hint(keeping.APPLY, keeping.is_any_waiting)


def hint_alerts(now: datetime) -> None:
    """Enqueue a job for alerts that the team has to be told of."""
    hint(TELL, lambda: intake.is_any_due(now=now))


def clean_up(now: datetime) -> None:
    """Delete old events, nonces and resolved alerts."""
    keeping.forget_old(now=now)
    intake.forget_resolved(now - intake.KEPT_FOR)
    db.session.commit()
