"""Import jobs of the workers."""

from __future__ import annotations

from datetime import timedelta

from campaigns.audience.imports import queries, runner, undo
from campaigns.audience.imports.models import ImportStatus
from campaigns.core import clock, queue
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.delivery import queries as delivery_queries

JOB = "campaigns.audience.imports.jobs.run_import"
# Short enough to keep a worker from sending only briefly, and far below the queue's limit.
SLICE = timedelta(seconds=120)


def run_import(import_id: int) -> None:
    """Check, import or undo for a while; the rest goes to the end of the queue. A deleted import is no error."""
    try:
        done = _go_on(import_id)
    except NotFound:
        return
    finally:
        db.session.remove()
    if not done:
        _go_on_later(import_id)


def _go_on(import_id: int) -> bool:
    until = clock.now() + SLICE
    if queries.import_(import_id).status is ImportStatus.UNDOING:
        return undo.run(import_id, was_emailed=delivery_queries.emailed_since, until=until)
    if not runner.is_here(import_id):
        return True  # the dispatcher asks again, until a worker that can read the file gets it
    return runner.run(import_id, until=until)


def _go_on_later(import_id: int) -> None:
    """Only if no worker holds the import; otherwise it needs no second job."""
    if import_id in queries.waiting_imports(now=clock.now()):
        queue.enqueue(JOB, import_id)
    db.session.remove()
