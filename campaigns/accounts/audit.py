"""The audit log as accounts write it: about an operator who is not signed in yet, or no longer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.accounts.models import Operator
from campaigns.audit import services as audit_services
from campaigns.audit.models import AuditEntry
from campaigns.core.acting import Actor


def record(
    action: str, subject: str = "", *, by: Operator | None, now: datetime, ip: str = "", **details: Any
) -> AuditEntry:
    """Note that the operator did that; `action` is one of `campaigns.audit.labels.LABELS`."""
    who = Actor(by.email, by.id, ip) if by else Actor(ip=ip)
    return audit_services.record(action, subject, by=who, now=now, **details)


def is_known(action: str, subject: str, *, by: Operator, since: datetime) -> bool:
    """Whether the operator is on record for the same since then: a page asked for in a loop fills no log."""
    return audit_services.is_known(action, subject, operator_id=by.id, since=since)
