"""The audit log as accounts write it: an operator at their own account, who is not signed in yet, or no longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from campaigns.accounts.models import Operator
from campaigns.audit import services as audit_services
from campaigns.core import acting
from campaigns.core.acting import Actor

REFUSED_AGAIN = timedelta(minutes=1)  # the same refusal is not noted again within it


def record_own(action: str, operator: Operator, *, now: datetime | None = None, **details: Any) -> None:
    """Note that the operator did that to their own account; `action` is one of `campaigns.audit.labels.LABELS`."""
    by = Actor(operator.email, operator.id, acting.actor().ip)
    audit_services.record(action, operator.email, by=by, now=now, **details)


def is_refusal_news(operator: Operator, place: str, *, now: datetime) -> bool:
    """Whether the operator is not on record for that refusal already: a page asked for in a loop fills no log."""
    since = now - REFUSED_AGAIN
    return not audit_services.is_known("operator.refused", place, operator_id=operator.id, since=since)


def record_refusal(place: str, *, now: datetime) -> None:
    """Note that whoever acts was not let in there."""
    audit_services.record("operator.refused", place, now=now)
