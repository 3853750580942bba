"""Changes to an operator's second factors, with their effects on sessions and recovery codes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.accounts import sessions
from campaigns.accounts.factor import apps, devices, passkeys, recovery, rules
from campaigns.accounts.factor.models import AuthenticatorApp, Passkey, RememberedDevice
from campaigns.accounts.models import Operator, OperatorSession, Role
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Conflict
from campaigns.core.i18n import _


@dataclass(frozen=True, slots=True)
class Factors:
    """The second factors of an operator."""

    app: AuthenticatorApp | None
    passkeys: Sequence[Passkey]
    codes_left: int

    @property
    def are_on(self) -> bool:
        """Whether sign-in needs a second step: recovery codes alone do not require it."""
        return self.app is not None or bool(self.passkeys)


def factors_of(operator: Operator) -> Factors:
    """The operator's second factors."""
    return Factors(
        app=apps.app_of(operator.id),
        passkeys=passkeys.of(operator.id),
        codes_left=recovery.left(operator.id),
    )


def confirm_app(operator: Operator, code: str, *, session_secret: str, now: datetime) -> list[str] | None:
    """Confirm the operator's new app; None for a wrong code, else recovery codes to be shown once.

    The list is empty if earlier codes still work. The operator's other sessions end.
    """
    app = apps.begun(operator)
    if app is None or not apps.confirm(app, code, now=now):
        return None
    sessions.end_all(operator.id, but=session_secret)
    audit_services.record("operator.app_added", operator.email, now=now)
    return _begun(operator, session_secret, now=now)


def add_passkey(
    operator: Operator, answer: str, *, name: str, session_secret: str, now: datetime
) -> list[str]:
    """Store a new passkey; returns recovery codes as `confirm_app` does. Raises Invalid (name), Conflict."""
    key = passkeys.register(operator, answer, name=name, now=now)
    audit_services.record("operator.passkey_added", operator.email, now=now, name=key.name)
    return _begun(operator, session_secret, now=now)


def _begun(operator: Operator, session_secret: str, *, now: datetime) -> list[str]:
    """New recovery codes if the operator has none, and then other sessions end; else an empty list."""
    if recovery.left(operator.id):
        return []
    sessions.end_all(operator.id, but=session_secret)
    mine = sa.update(OperatorSession).where(OperatorSession.operator_id == operator.id)
    db.session.execute(mine.values(must_set_up=False).execution_options(synchronize_session=False))
    return recovery.create(operator, now=now)


def remove_app(operator: Operator, *, session_secret: str) -> None:
    """Delete the app and end all other sessions; raises Conflict for the last factor if the role requires one."""
    _keep_a_factor(operator, without_app=True)
    apps.remove(operator.id)
    audit_services.record("operator.app_removed", operator.email)
    _end_step(operator, session_secret)


def remove_passkey(operator: Operator, key: Passkey, *, session_secret: str) -> None:
    """Delete the passkey and end all other sessions; raises Conflict for the last factor if the role requires one."""
    _keep_a_factor(operator, without_key=key)
    audit_services.record("operator.passkey_removed", operator.email, name=key.name)
    passkeys.remove(key)
    _end_step(operator, session_secret)


def renew_codes(operator: Operator, *, now: datetime) -> list[str]:
    """New recovery codes, to be shown once; all earlier ones stop working."""
    audit_services.record("operator.recovery_codes_created", operator.email, now=now)
    return recovery.create(operator, now=now)


def forget_device(device: RememberedDevice) -> None:
    """Delete the remembered device: it needs the second step again."""
    audit_services.record("operator.device_forgotten", device.browser)
    devices.forget(device)


def need_one(roles: Collection[Role], *, now: datetime) -> None:
    """Replace the roles that require a second factor."""
    rules.need_one(roles, now=now)
    names = ", ".join(sorted(role.value for role in roles))
    audit_services.record("operator.rules_changed", now=now, required_for=names)


def reset(operator: Operator) -> bool:
    """Delete all second factors of an operator and end all their sessions; False if there was no factor.

    An operator whose role requires one sets it up at the next sign-in.
    """
    had_one = rules.has_one(operator)
    apps.remove(operator.id)
    for key in passkeys.of(operator.id):
        passkeys.remove(key)
    recovery.forget(operator.id)
    sessions.end_all(operator.id)
    audit_services.record("operator.factors_reset", operator.email)
    return had_one


def _keep_a_factor(
    operator: Operator, *, without_app: bool = False, without_key: Passkey | None = None
) -> None:
    mine = factors_of(operator)
    is_app_left = mine.app is not None and not without_app
    is_left = is_app_left or any(key is not without_key for key in mine.passkeys)
    if not is_left and rules.is_needed(operator):
        raise Conflict(
            _("Your role requires two-step verification. Add another method before removing this one.")
        )


def _end_step(operator: Operator, session_secret: str) -> None:
    """End other sessions; after the last factor, also delete recovery codes and remembered devices."""
    sessions.end_all(operator.id, but=session_secret)
    if not rules.has_one(operator):
        recovery.forget(operator.id)
        devices.forget_all(operator.id)
