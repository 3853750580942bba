"""Campaigns whose addresses bounce."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from campaigns.audience.models import Suppression
from campaigns.core.db import db
from campaigns.planning.models import Campaign, PauseReason, Status
from tests.delivery.factories import (
    fresh,
    make_launched,
    send,
)
from tests.fakes.smtp_server import Call, SmtpServer

NOBODY = "550 5.1.1 user unknown"


def refusing(is_bad: Callable[[int], bool]) -> Callable[[Call], str | None]:
    """A script for RCPT: the recipients with these numbers do not exist."""
    return lambda call: NOBODY if is_bad(number_of(call)) else None


def number_of(call: Call) -> int:
    return int(call.argument.partition("@")[0].rpartition("-")[2])


def suppressed() -> list[str]:
    db.session.rollback()
    found = list(db.session.scalars(sa.select(Suppression.email).order_by(Suppression.id)))
    db.session.rollback()
    return [email for email in found if email]


def numbers(emails: list[str]) -> set[int]:
    return {int(email.partition("@")[0].rpartition("-")[2]) for email in emails}


def assert_braked(campaign: Campaign) -> None:
    found = fresh(campaign)
    assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.BOUNCE_RATE)


def braked(server: SmtpServer, *, people: int) -> Campaign:
    """Stopped after thirty bounces, with nobody suppressed."""
    server.replies = {"RCPT": NOBODY}
    campaign = make_launched(server, people=people, connections=1)
    send(campaign)
    assert_braked(campaign)
    assert suppressed() == []
    server.replies = {}
    return campaign
