"""Invitations: one-time links that create an operator, sent by email or printed at the first start."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.accounts import audit, letters, queries
from campaigns.accounts.models import Invitation, Operator, Role
from campaigns.accounts.services import new_operator
from campaigns.audit import services as audit_services
from campaigns.core import signing
from campaigns.core.addresses import typed_address
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _
from campaigns.notices.models import Notice

LASTS = timedelta(days=7)


def invite(email: str, *, role: Role, by: Operator, site: str, now: datetime) -> tuple[Invitation, Notice]:
    """Create an invitation and the notice that mails its link. Enqueue the notice after the commit.

    Raises Invalid (email), or Conflict if the address has an account or an open invitation.
    """
    email = typed_address(email)
    if queries.operator_by_email(email):
        raise Conflict(_("A team member with the address %(email)s already exists.", email=email))
    if any((each.email or "").casefold() == email.casefold() for each in queries.open_invitations()):
        raise Conflict(_("%(email)s has already been invited. You can resend the invitation.", email=email))
    secret = secrets.token_urlsafe(32)
    invitation = Invitation(
        secret_hash=signing.secret_hash(secret),
        email=email,
        role=role,
        invited_by=by,
        created_at=now,
        expires_at=now + LASTS,
    )
    db.session.add(invitation)
    db.session.flush()
    audit_services.record("operator.invited", email, role=role.value, now=now)
    return invitation, letters.post_invitation(invitation, secret, site=site, language=by.language, now=now)


def send_again(invitation: Invitation, *, by: Operator, site: str, now: datetime) -> Notice:
    """Replace the invitation's link and return the notice that mails it. The old link stops working."""
    secret = secrets.token_urlsafe(32)
    invitation.secret_hash = signing.secret_hash(secret)
    invitation.expires_at = now + LASTS
    invitation.invited_by = by
    audit_services.record("operator.invited", invitation.email or "", again=True, now=now)
    return letters.post_invitation(invitation, secret, site=site, language=by.language, now=now)


def revoke(invitation: Invitation) -> None:
    """Delete the invitation; its link stops working."""
    audit_services.record("operator.invitation_revoked", invitation.email or "")
    db.session.delete(invitation)


def accept(
    invitation: Invitation,
    *,
    email: str | None = None,
    name: str,
    password: str,
    language: str,
    time_zone: str,
    now: datetime,
) -> Operator:
    """Create the operator; a link works once. `email` is only for the first operator, whose link has no address.

    Raises Invalid for the input, or Conflict if the link has expired or was used.
    """
    used = db.session.execute(
        sa.update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.accepted_at.is_(None), Invitation.expires_at > now)
        .values(accepted_at=now)
        .execution_options(synchronize_session=False)
    )
    is_late = invitation.email is None and queries.has_operators()
    if used.rowcount != 1 or is_late:  # type: ignore[attr-defined]
        raise Conflict(_("This link was already used. Sign in instead."))
    made = new_operator(
        invitation.email or email or "",
        role=invitation.role,
        password=password,
        name=name,
        language=language,
        time_zone=time_zone,
        now=now,
    )
    audit.record_own("operator.joined", made, now=now, role=made.role.value)
    return made
