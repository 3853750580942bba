"""What the dispatcher does for timed emails."""

from __future__ import annotations

import logging
from datetime import datetime

from rq.timeouts import BaseTimeoutException

from campaigns.core import queue
from campaigns.core.db import db, peek
from campaigns.inbound.timed import queries, services
from campaigns.notices import services as notices_services

EVERY_S = 5.0
log = logging.getLogger(__name__)


def send_due(now: datetime) -> None:
    """Put every timed email whose time has come into the outbox. Commits after each."""
    for each in peek(lambda: queries.due(now=now)):
        _send(each, now)


def _send(mail_id: int, now: datetime) -> None:
    """One that can't be sent holds up no other."""
    try:
        notices = services.run(mail_id, now=now)
        db.session.commit()
    except BaseTimeoutException:
        raise
    except Exception:
        db.session.rollback()
        log.exception("Timed email %s could not be sent; it is tried again.", mail_id)
        return
    queue.enqueue_each(notices_services.JOB, notices)
