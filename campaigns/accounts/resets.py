"""Forgotten passwords: a link by email that works once within 30 minutes and does not sign in."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts import audit, letters, queries, sessions
from campaigns.accounts.models import Operator, PasswordReset
from campaigns.accounts.services import set_password
from campaigns.audit import services as audit_services
from campaigns.core import signing
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.notices.models import Notice

LASTS = timedelta(minutes=30)
KEPT = timedelta(days=30)


def request(email: str, *, site: str, now: datetime) -> Notice | None:
    """The notice that mails a reset link; None for an unknown address or a disabled operator.

    The page must answer both the same way. Enqueue the notice after the commit.
    """
    operator = queries.operator_by_email(email)
    if operator is None or operator.is_disabled:
        return None
    over = sa.delete(PasswordReset).where(
        PasswordReset.operator_id == operator.id, PasswordReset.expires_at < now - KEPT
    )
    db.session.execute(over)
    secret = secrets.token_urlsafe(32)
    db.session.add(
        PasswordReset(
            secret_hash=signing.secret_hash(secret),
            operator_id=operator.id,
            created_at=now,
            expires_at=now + LASTS,
        )
    )
    audit_services.record("operator.reset_requested", operator.email, now=now)
    minutes = int(LASTS.total_seconds() // 60)
    return letters.post_reset(operator, secret, site=site, minutes=minutes, now=now)


def use(reset: PasswordReset, *, password: str, site: str, now: datetime) -> tuple[Operator, Notice]:
    """Set the new password, end all sessions and reset links; the operator, and the notice about the change.

    Raises Invalid for the password, or Conflict if the account is disabled or the link expired or was used.
    """
    operator = reset.operator
    if operator.is_disabled:
        raise Conflict(_("This account is disabled. Ask an admin."))
    set_password(operator, password)
    used = db.session.execute(
        sa.update(PasswordReset)
        .where(PasswordReset.id == reset.id, PasswordReset.used_at.is_(None), PasswordReset.expires_at > now)
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(_("This link has expired or was already used. Request a new one."))
    db.session.execute(
        sa.update(PasswordReset)
        .where(PasswordReset.operator_id == operator.id, PasswordReset.used_at.is_(None))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    sessions.end_all(operator.id)
    audit.record_own("operator.password_reset", operator, now=now)
    return operator, letters.post_password_changed(operator, site=site, now=now)
