"""The job that changes many people."""

from __future__ import annotations

from datetime import timedelta

from campaigns.audience.bulk import queries, running
from campaigns.core import clock, queue
from campaigns.core.db import db

JOB = "campaigns.audience.bulk.jobs.run_bulk_act"
SLICE = timedelta(seconds=60)  # a worker sends between two of them


def run_bulk_act(act_id: int) -> None:
    """Go on with a change for a while; the rest goes to the end of the queue."""
    try:
        done = running.run(act_id, until=clock.now() + SLICE)
        if not done and act_id in queries.waiting(now=clock.now()):
            queue.enqueue(JOB, act_id)
    finally:
        db.session.remove()
