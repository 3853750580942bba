"""A forgotten password: a link by mail, good once and for half an hour, that never signs in."""

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
    """Post a link to whoever has that address; None, and nothing else differs, when nobody has."""
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
    """Set the new password, end every session and every other link; raises Invalid, Conflict."""
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
