"""Create, change, disable and remove operators. The last admin cannot be disabled, removed or demoted."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from campaigns.accounts import passwords, queries, sessions
from campaigns.accounts.models import Invitation, Operator, Role
from campaigns.audit import services as audit_services
from campaigns.core import addresses, clock, signing
from campaigns.core.addresses import typed_address
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import DEFAULT_LANGUAGE, LANGUAGES, _

LONGEST_NAME = 200
FIRST_LINK_LASTS = timedelta(days=7)


def create_operator(
    email: str,
    *,
    role: Role,
    password: str,
    name: str = "",
    language: str = DEFAULT_LANGUAGE,
    time_zone: str = "UTC",
    now: datetime,
) -> Operator:
    """Create an operator without an invitation; raises as `new_operator` does."""
    made = new_operator(
        email, role=role, password=password, name=name, language=language, time_zone=time_zone, now=now
    )
    audit_services.record("operator.created", made.email, role=made.role.value, now=now)
    return made


def new_operator(
    email: str, *, role: Role, password: str, name: str, language: str, time_zone: str, now: datetime
) -> Operator:
    """Create an operator's row, without an audit entry: the caller records why the operator was created.

    Raises Invalid (email, password, name, language, time_zone), or Conflict if the address has an account.
    """
    email = typed_address(email)
    passwords.check(password, email=email)
    operator = Operator(
        email=email,
        address=addresses.normalise(email),
        role=role,
        password_hash=passwords.hashed(password),
        created_at=now,
    )
    _set_profile(operator, name=name, language=language, time_zone=time_zone)
    try:
        with db.session.begin_nested():
            db.session.add(operator)
    except IntegrityError as error:
        raise Conflict(_("A team member with the address %(email)s already exists.", email=email)) from error
    return operator


def first_operator_link(*, now: datetime) -> str | None:
    """The secret of a new link for the first operator, replacing earlier ones; None if an operator exists."""
    if queries.has_operators():
        return None
    db.session.execute(
        sa.delete(Invitation).where(Invitation.email.is_(None), Invitation.accepted_at.is_(None))
    )
    secret = secrets.token_urlsafe(32)
    db.session.add(
        Invitation(
            secret_hash=signing.secret_hash(secret),
            role=Role.ADMIN,
            created_at=now,
            expires_at=now + FIRST_LINK_LASTS,
        )
    )
    db.session.flush()
    audit_services.record("operator.first_link_created", now=now)
    return secret


def update_profile(
    operator: Operator,
    *,
    name: str,
    language: str | None = None,
    time_zone: str | None = None,
    wants_alerts: bool | None = None,
) -> Operator:
    """Change the operator's profile; None keeps a value. Raises Invalid (name, language, time_zone)."""
    before = _profile(operator)
    _set_profile(operator, name=name, language=language, time_zone=time_zone, wants_alerts=wants_alerts)
    after = _profile(operator)
    if changed := [each for each, value in after.items() if value != before[each]]:
        audit_services.record("operator.profile_changed", operator.email, changed=", ".join(changed))
    return operator


def _profile(operator: Operator) -> dict[str, Any]:
    return {each: getattr(operator, each) for each in ("name", "language", "time_zone", "wants_alerts")}


def _set_profile(
    operator: Operator,
    *,
    name: str,
    language: str | None,
    time_zone: str | None,
    wants_alerts: bool | None = None,
) -> None:
    operator.name = _clean_name(name)
    if language is not None:
        if language not in LANGUAGES:
            raise Invalid(_("Choose a language from the list."), field="language")
        operator.language = language
    if time_zone is not None:
        if time_zone not in clock.zone_names():
            raise Invalid(_("Choose a time zone from the list."), field="time_zone")
        operator.time_zone = time_zone
    if wants_alerts is not None:
        operator.wants_alerts = wants_alerts


def change_password(operator: Operator, *, current: str, password: str, session_secret: str) -> Operator:
    """Set a new password and end all other sessions; raises Invalid (current, password).

    `session_secret` is that of the session that stays.
    """
    if not passwords.matches(operator.password_hash, current):
        raise Invalid(_("Incorrect current password."), field="current")
    set_password(operator, password)
    sessions.end_all(operator.id, but=session_secret)
    audit_services.record("operator.password_changed", operator.email)
    return operator


def set_password(operator: Operator, password: str) -> None:
    """Check and set a new password; raises Invalid. The caller ends sessions and records the change."""
    passwords.check(password, email=operator.email)
    operator.password_hash = passwords.hashed(password)


def give_password(operator: Operator, password: str) -> None:
    """Set a new password without the current one, for commands on the machine; raises Invalid."""
    set_password(operator, password)
    audit_services.record("operator.password_changed", operator.email)


def change_role(operator: Operator, role: Role) -> Operator:
    """Change the role and end the operator's sessions; raises Conflict for the last admin."""
    if operator.role is role:
        return operator
    if role is not Role.ADMIN:
        _keep_an_admin(operator)
    operator.role = role
    sessions.end_all(operator.id)
    audit_services.record("operator.role_changed", operator.email, role=role.value)
    return operator


def disable(operator: Operator) -> None:
    """Prevent the operator from signing in and end their sessions; raises Conflict for the last admin."""
    _keep_an_admin(operator)
    operator.is_disabled = True
    sessions.end_all(operator.id)
    audit_services.record("operator.disabled", operator.email)


def enable(operator: Operator) -> None:
    """Allow a disabled operator to sign in again."""
    operator.is_disabled = False
    audit_services.record("operator.enabled", operator.email)


def remove(operator: Operator) -> None:
    """Delete an operator; what they created stays. Raises Conflict for the last admin."""
    _keep_an_admin(operator)
    audit_services.record("operator.removed", operator.email)
    db.session.delete(operator)
    db.session.flush()


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME or not name.isprintable() or "\ufffd" in name:
        raise Invalid(
            _(
                "Use a name of at most %(longest)s characters, without control characters.",
                longest=LONGEST_NAME,
            ),
            field="name",
        )
    return name


def _keep_an_admin(operator: Operator) -> None:
    admins = sa.select(Operator.id).filter_by(role=Role.ADMIN, is_disabled=False).with_for_update()
    if set(db.session.scalars(admins)) == {operator.id}:
        raise Conflict(_("This is the only admin. Make another team member an admin first."))
