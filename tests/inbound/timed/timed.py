"""Timed emails for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.inbound.timed import services
from campaigns.inbound.timed.models import TimedMail
from campaigns.inbound.timed.next_run import Rhythm
from campaigns.inbound.timed.services import Written
from campaigns.notices.models import Notice
from tests.factories import make_operator

START = datetime(2026, 12, 7, 8, 0, tzinfo=UTC)  # nine in the morning in Berlin
BEFORE = START - timedelta(hours=1)
WRITTEN = Written(
    "Numbers",
    "Send me your numbers.",
    "ana@team.example, bo@team.example",
    Rhythm.WEEKLY,
    "2026-12-07T09:00",
    "Europe/Berlin",
)


def make_timed(
    *,
    rhythm: Rhythm = Rhythm.WEEKLY,
    recipients: str = WRITTEN.recipients,
    by: str = "",
) -> TimedMail:
    written = Written(WRITTEN.subject, WRITTEN.text, recipients, rhythm, WRITTEN.first, WRITTEN.time_zone)
    made = services.create(written, by=make_operator(by), now=BEFORE)
    db.session.commit()
    return made


def posted() -> list[tuple[str, str]]:
    """Whom the outbox has emails for, and about what."""
    return [
        (each.to_address, each.subject) for each in db.session.scalars(sa.select(Notice).order_by(Notice.id))
    ]
