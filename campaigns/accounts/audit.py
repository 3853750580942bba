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
    "operator.refused": _("Was denied access to a page"),
    "operator.signed_out_everywhere": _("Signed out on all devices"),
    "operator.created": _("Added a team member"),
    "operator.joined": _("Joined"),
    "operator.invited": _("Invited a team member"),
    "operator.invitation_revoked": _("Revoked an invitation"),
    "operator.role_changed": _("Changed a role"),
    "operator.disabled": _("Disabled a team member"),
    "operator.enabled": _("Enabled a team member"),
    "operator.removed": _("Removed a team member"),
    "operator.password_changed": _("Changed their password"),
    "operator.password_reset": _("Reset password by email"),
    "operator.second_step_failed": _("Two-step verification failed"),
    "operator.recovery_code_used": _("Used a recovery code"),
    "operator.app_added": _("Added an authenticator app"),
    "operator.app_removed": _("Removed an authenticator app"),
    "operator.passkey_added": _("Added a passkey"),
    "operator.passkey_removed": _("Removed a passkey"),
    "operator.recovery_codes_created": _("Created recovery codes"),
    "operator.factors_reset": _("Reset two-step verification of a team member"),
    "operator.rules_changed": _("Changed who needs two-step verification"),
    "operator.device_remembered": _("Had a device remembered"),
    "operator.device_forgotten": _("Removed a remembered device"),
    "operator.session_ended": _("Signed out on another device"),
    "operator.other_sessions_ended": _("Signed out on all other devices"),
    "operator.confirmed": _("Confirmed their identity"),
    "operator.confirmation_failed": _("Failed to confirm their identity"),
    "server.created": _("Added a sending server"),
    "server.updated": _("Changed a sending server"),
    "server.deleted": _("Deleted a sending server"),
    "server.lessons_forgotten": _("Cleared the detected limitations of a sending server"),
    "server.made_default": _("Changed the default sending server"),
    "domain_limit.created": _("Added a domain limit"),
    "domain_limit.updated": _("Changed a domain limit"),
    "domain_limit.deleted": _("Deleted a domain limit"),
    "sender.created": _("Added a sender"),
    "sender.updated": _("Changed a sender"),
    "sender.deleted": _("Deleted a sender"),
    "domain.created": _("Added a sending domain"),
    "domain.keys_created": _("Created new keys for a sending domain"),
    "domain.key_deleted": _("Deleted a key of a sending domain"),
    "domain.deleted": _("Deleted a sending domain"),
    "campaign.created": _("Created a campaign"),
    "campaign.deleted": _("Deleted a campaign"),
    "campaign.tested": _("Sent test emails"),
    "campaign.scheduled": _("Scheduled a campaign"),
    "campaign.taken_back": _("Unscheduled a campaign"),
    "campaign.paused": _("Paused a campaign"),
    "campaign.resumed": _("Resumed a campaign"),
    "campaign.cancelled": _("Cancelled a campaign"),
    "campaign.sent_again": _("Resent a campaign"),
    "campaign.unsuppressed": _("Undid the suppressions of a campaign"),
    "campaign.taken_as_sent": _("Marked unknown outcomes as sent"),
    "campaign.exported": _("Exported campaign recipients"),
    "people.exported": _("Exported all people"),
    "people.deleted": _("Deleted people"),
    "people.subscribed": _("Added people to a list"),
    "people.unsubscribed": _("Unsubscribed people from a list"),
    "people.unsubscription_undone": _("Undid an unsubscribe of people"),
    "person.created": _("Added a person"),
    "person.updated": _("Changed a person"),
    "person.deleted": _("Deleted a person"),
    "list.created": _("Added a list"),
    "list.updated": _("Changed a list"),
    "list.exported": _("Exported a list"),
    "list.deleted": _("Deleted a list"),
    "field.created": _("Added a field"),
    "field.updated": _("Renamed a field"),
    "field.deleted": _("Deleted a field"),
    "import.started": _("Started an import"),
    "import.deleted": _("Deleted an import"),
    "import.exported": _("Exported the rejected rows of an import"),
    "suppression.created": _("Suppressed addresses"),
    "suppression.lifted": _("Removed a suppression"),
    "campaign.hours_changed": _("Changed the sending hours of a campaign"),
    "site.updated": _("Changed general settings"),
    "practice.emptied": _("Emptied the test inbox"),
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
