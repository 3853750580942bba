"""The worker that reads mailboxes: a queue of its own, for it waits for other people's servers."""

from __future__ import annotations

from campaigns.core import app_worker
from campaigns.core.jobs import MAIL_QUEUE


def run_worker() -> None:
    """Serve the mail queue until a stop signal; the current job is ended between two messages."""
    app_worker.serve(app_worker.AppWorker, queue_name=MAIL_QUEUE)
