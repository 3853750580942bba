"""Audit entries about accounts, also when the operator is not signed in yet or any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from campaigns.accounts.models import Operator
from campaigns.audit import services as audit_services
from campaigns.core import acting
from campaigns.core.acting import Actor

REFUSED_AGAIN = timedelta(minutes=1)  # the same refusal is recorded once within this time


def record_own(action: str, operator: Operator, *, now: datetime | None = None, **details: Any) -> None:
    """Record an action of the operator on their own account.

    `action` is a key of `campaigns.audit.labels.LABELS`; raises ValueError for any other. `now` defaults to the
    current time.
    """
    by = Actor(operator.email, operator.id, acting.actor().ip)
    audit_services.record(action, operator.email, by=by, now=now, **details)


def is_refusal_news(operator: Operator, place: str, *, now: datetime) -> bool:
    """Whether this refusal was not recorded in the last minute: a page requested in a loop must not fill the log."""
    since = now - REFUSED_AGAIN
    return not audit_services.is_known("operator.refused", place, operator_id=operator.id, since=since)


def record_refusal(place: str, *, now: datetime) -> None:
    """Record that the acting operator was denied access; `place` is the method and the endpoint."""
    audit_services.record("operator.refused", place, now=now)
