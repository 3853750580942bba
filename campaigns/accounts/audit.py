"""The audit log: who did what, append-only. Doors write it, for they know who and from where."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.models import AuditEntry, Operator
from campaigns.core.db import db
from campaigns.core.i18n import _

LABELS = {
    "operator.signed_in": _("Signed in"),
    "operator.sign_in_failed": _("Sign-in failed"),
    "operator.signed_out": _("Signed out"),
    "operator.refused": _("Was refused a page"),
    "operator.signed_out_everywhere": _("Signed out everywhere"),
    "operator.created": _("Added an operator"),
    "operator.joined": _("Joined"),
    "operator.invited": _("Invited an operator"),
    "operator.invitation_revoked": _("Revoked an invitation"),
    "operator.role_changed": _("Changed a role"),
    "operator.disabled": _("Disabled an operator"),
    "operator.enabled": _("Enabled an operator"),
    "operator.removed": _("Removed an operator"),
    "operator.password_changed": _("Changed the password"),
    "operator.password_reset": _("Set a new password by mail"),
    "server.created": _("Added a sending server"),
    "server.updated": _("Changed a sending server"),
    "server.deleted": _("Deleted a sending server"),
    "server.lessons_forgotten": _("Let a sending server try everything again"),
    "server.made_default": _("Made a sending server the default"),
    "domain_limit.created": _("Limited a receiving domain"),
    "domain_limit.updated": _("Changed the limit of a receiving domain"),
    "domain_limit.deleted": _("Deleted the limit of a receiving domain"),
    "sender.created": _("Added a sender"),
    "sender.updated": _("Changed a sender"),
    "sender.deleted": _("Deleted a sender"),
    "domain.created": _("Added a sending domain"),
    "domain.keys_created": _("Made new keys of a sending domain"),
    "domain.key_deleted": _("Deleted a key of a sending domain"),
    "domain.deleted": _("Deleted a sending domain"),
    "campaign.scheduled": _("Scheduled a campaign"),
    "campaign.taken_back": _("Took a campaign back"),
    "campaign.paused": _("Paused a campaign"),
    "campaign.resumed": _("Resumed a campaign"),
    "campaign.cancelled": _("Cancelled a campaign"),
    "campaign.sent_again": _("Sent a campaign again to those who did not get it"),
    "campaign.unsuppressed": _("Undid the suppressions of a campaign"),
    "campaign.taken_as_sent": _("Took unclear deliveries as sent"),
    "campaign.exported": _("Exported the recipients of a campaign"),
    "people.exported": _("Exported everybody"),
    "people.deleted": _("Deleted people"),
    "people.unsubscribed": _("Unsubscribed people from a list"),
    "person.deleted": _("Deleted a person"),
    "list.created": _("Added a list"),
    "list.updated": _("Changed a list"),
    "list.exported": _("Exported a list"),
    "list.deleted": _("Deleted a list"),
    "import.started": _("Started an import"),
    "import.deleted": _("Deleted an import"),
    "import.exported": _("Exported the rows that an import did not take"),
    "suppression.created": _("Suppressed addresses"),
    "suppression.lifted": _("Lifted a suppression"),
    "campaign.hours_changed": _("Changed the sending hours of a campaign"),
    "site.updated": _("Changed the site"),
    "practice.emptied": _("Emptied the practice mailbox"),
}


def record(
    action: str, subject: str = "", *, by: Operator | None, now: datetime, ip: str = "", **details: Any
) -> AuditEntry:
    """Note that the operator did that; `action` is one of LABELS, details are plain JSON values."""
    if action not in LABELS:
        raise ValueError(f"no label for the action {action!r}")
    entry = AuditEntry(
        at=now,
        operator_id=by.id if by else None,
        action=action,
        subject=subject[:200],
        details=details,
        ip=ip[:45],
    )
    db.session.add(entry)
    return entry


def is_known(action: str, subject: str, *, by: Operator, since: datetime) -> bool:
    """Whether the operator is on record for the same since then: a page asked for in a loop fills no log."""
    same = sa.select(AuditEntry.id).where(
        AuditEntry.at >= since,
        AuditEntry.operator_id == by.id,
        AuditEntry.action == action,
        AuditEntry.subject == subject,
    )
    return db.session.scalar(same.limit(1)) is not None


def label(action: str) -> Any:
    """The action in words."""
    return LABELS.get(action, action)
