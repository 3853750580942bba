"""What a worker does for this domain."""

from __future__ import annotations

from datetime import timedelta

from campaigns.audience import importer, queries
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import NotFound

JOB = "campaigns.audience.jobs.run_import"
# Short enough that a worker is not kept from mails, and far below the queue's own limit.
SLICE = timedelta(seconds=120)


def run_import(import_id: int) -> None:
    """Import for a while; what is left goes to the end of the queue. A deleted import is no error."""
    try:
        if not importer.is_here(import_id):
            return  # the dispatcher asks again, until a worker hears it that can read the file
        done = importer.run(import_id, until=clock.now() + SLICE)
    except NotFound:
        return
    finally:
        db.session.remove()
    if not done:
        _go_on_later(import_id)


def _go_on_later(import_id: int) -> None:
    """Only when the import is free: in other hands, it needs no second hint."""
    if import_id in queries.waiting_imports(now=clock.now()):
        queue.enqueue(JOB, import_id)
    db.session.remove()
