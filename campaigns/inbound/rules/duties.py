"""What the dispatcher does for rules."""

from __future__ import annotations

from datetime import datetime

from campaigns.core import queue
from campaigns.core.db import db, reading
from campaigns.inbound.rules import queries

EVERY_S = 2.0
JOB = "campaigns.inbound.jobs.run_rule"


def hint_runs(now: datetime) -> None:
    """Enqueue the runs that wait; one that is enqueued twice is done once."""
    if queue.waiting(JOB):
        return
    db.session.rollback()
    with reading():
        found = queries.queued()
        db.session.rollback()
    for each in found:
        if not queue.enqueue(JOB, each):
            return
