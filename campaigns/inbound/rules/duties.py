"""What the dispatcher does for rules."""

from __future__ import annotations

from datetime import datetime

from campaigns.core.hints import hint_each
from campaigns.inbound.rules import queries

EVERY_S = 2.0
JOB = "campaigns.inbound.jobs.run_rule"


def hint_runs(now: datetime) -> None:
    """Enqueue the runs that are due; one that is enqueued twice is done once."""
    hint_each(JOB, lambda: queries.due(now=now))
