"""Named reads of operators, their invitations and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from campaigns.accounts import sessions
from campaigns.accounts.models import Invitation, Operator, OperatorSession, PasswordReset
from campaigns.core import addresses, signing
from campaigns.core.db import db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _

SESSION_NAME = 16  # letters of a session's hash that stand in addresses


def operators() -> Sequence[Operator]:
    """All operators by name."""
    return db.session.scalars(sa.select(Operator).order_by(Operator.name, Operator.email)).all()


def operator(operator_id: int) -> Operator:
    """That operator; raises NotFound."""
    found = db.session.get(Operator, operator_id)
    if found is None:
        raise NotFound(_("Team member not found."))
    return found


def operator_by_email(email: str) -> Operator | None:
    """The operator with this address in any spelling; None for an invalid address too."""
    try:
        address = addresses.normalise(email)
    except (addresses.BadAddress, UnicodeError):
        return None
    return db.session.scalar(sa.select(Operator).filter_by(address=address))


def has_operators() -> bool:
    """Whether anybody can sign in, disabled or not."""
    return bool(db.session.scalar(sa.select(sa.exists(sa.select(Operator.id)))))


def open_invitations() -> Sequence[Invitation]:
    """Invitations by mail that nobody has accepted, newest first, those that ran out too."""
    statement = sa.select(Invitation).where(Invitation.email.is_not(None), Invitation.accepted_at.is_(None))
    return db.session.scalars(
        statement.options(selectinload(Invitation.invited_by)).order_by(Invitation.created_at.desc())
    ).all()


def invitation(invitation_id: int) -> Invitation:
    """That open invitation by mail; raises NotFound."""
    found = db.session.get(Invitation, invitation_id)
    if found is None or found.email is None or found.accepted_at:
        raise NotFound(_("Invitation not found. It may have been accepted or revoked."))
    return found


def invitation_by_secret(secret: str, *, now: datetime) -> Invitation | None:
    """The invitation whose link this is, while it can be accepted; else None."""
    statement = sa.select(Invitation).filter_by(secret_hash=signing.secret_hash(secret))
    return db.session.scalar(statement.where(Invitation.accepted_at.is_(None), Invitation.expires_at > now))


def reset_by_secret(secret: str, *, now: datetime) -> PasswordReset | None:
    """The password reset whose link this is, while it can be used; else None."""
    statement = sa.select(PasswordReset).filter_by(secret_hash=signing.secret_hash(secret))
    return db.session.scalar(statement.where(PasswordReset.used_at.is_(None), PasswordReset.expires_at > now))


def sessions_of(operator_id: int, *, now: datetime) -> Sequence[OperatorSession]:
    """The operator's live sessions, the one used last first."""
    return db.session.scalars(
        sa.select(OperatorSession)
        .filter_by(operator_id=operator_id)
        .where(
            OperatorSession.seen_at > now - sessions.IDLE_LIMIT,
            OperatorSession.created_at > now - sessions.AGE_LIMIT,
        )
        .order_by(OperatorSession.seen_at.desc())
    ).all()


def session(operator_id: int, beginning: str) -> OperatorSession:
    """The operator's session whose hash begins so; raises NotFound."""
    is_hash = len(beginning) == SESSION_NAME and beginning.isalnum()
    named = sa.select(OperatorSession).filter_by(operator_id=operator_id)
    named = named.where(OperatorSession.secret_hash.startswith(beginning))
    found = db.session.scalar(named) if is_hash else None
    if found is None:
        raise NotFound(_("Session not found. It may have ended already."))
    return found
