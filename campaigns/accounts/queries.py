"""Queries on operators, their invitations, password resets and sessions."""

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

SESSION_NAME = 16  # characters of a session's hash that name it in URLs


def operators() -> Sequence[Operator]:
    """All operators, by name."""
    return db.session.scalars(sa.select(Operator).order_by(Operator.name, Operator.email)).all()


def operator(operator_id: int) -> Operator:
    """The operator with this id; raises NotFound."""
    found = db.session.get(Operator, operator_id)
    if found is None:
        raise NotFound(_("Team member not found."))
    return found


def operator_by_email(email: str) -> Operator | None:
    """The operator with this address in any spelling; None if there is none or the address is invalid."""
    try:
        address = addresses.normalise(email)
    except (addresses.BadAddress, UnicodeError):
        return None
    return db.session.scalar(sa.select(Operator).filter_by(address=address))


def has_operators() -> bool:
    """Whether any operator exists, disabled or not."""
    return bool(db.session.scalar(sa.select(sa.exists(sa.select(Operator.id)))))


def open_invitations() -> Sequence[Invitation]:
    """Emailed invitations that were not accepted, newest first; expired ones included."""
    statement = sa.select(Invitation).where(Invitation.email.is_not(None), Invitation.accepted_at.is_(None))
    return db.session.scalars(
        statement.options(selectinload(Invitation.invited_by)).order_by(Invitation.created_at.desc())
    ).all()


def invitation(invitation_id: int) -> Invitation:
    """The emailed invitation with this id; raises NotFound if there is none or it was accepted."""
    found = db.session.get(Invitation, invitation_id)
    if found is None or found.email is None or found.accepted_at:
        raise NotFound(_("Invitation not found. It may have been accepted or revoked."))
    return found


def invitation_by_secret(secret: str, *, now: datetime) -> Invitation | None:
    """The invitation with this secret; None if there is none, it expired or it was accepted."""
    statement = sa.select(Invitation).filter_by(secret_hash=signing.secret_hash(secret))
    return db.session.scalar(statement.where(Invitation.accepted_at.is_(None), Invitation.expires_at > now))


def reset_by_secret(secret: str, *, now: datetime) -> PasswordReset | None:
    """The password reset with this secret; None if there is none, it expired or it was used."""
    statement = sa.select(PasswordReset).filter_by(secret_hash=signing.secret_hash(secret))
    return db.session.scalar(statement.where(PasswordReset.used_at.is_(None), PasswordReset.expires_at > now))


def sessions_of(operator_id: int, *, now: datetime) -> Sequence[OperatorSession]:
    """The operator's sessions that have not expired, most recently used first."""
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
    """The operator's session whose hash begins with these characters; raises NotFound."""
    is_hash = len(beginning) == SESSION_NAME and beginning.isalnum()
    named = sa.select(OperatorSession).filter_by(operator_id=operator_id)
    named = named.where(OperatorSession.secret_hash.startswith(beginning))
    found = db.session.scalar(named) if is_hash else None
    if found is None:
        raise NotFound(_("Session not found. It may have ended already."))
    return found
