"""Export jobs of the workers."""

from __future__ import annotations

from datetime import timedelta

from campaigns.audience.exporting import queries, running, services
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import NotFound

JOB = "campaigns.audience.exporting.jobs.run_export"
# Short enough to keep a worker from sending only briefly.
SLICE = timedelta(seconds=60)


def run_export(export_id: int) -> None:
    """Write an export for a while; the rest goes to the end of the queue. A deleted export is no error."""
    try:
        if not running.is_here(export_id):
            return  # the dispatcher asks again, until a worker with that data folder gets it
        services.sweep(now=clock.now())
        done = running.run(export_id, until=clock.now() + SLICE)
    except NotFound:
        return
    finally:
        db.session.remove()
    if not done and export_id in queries.waiting(now=clock.now()):
        queue.enqueue(JOB, export_id)
    db.session.remove()
