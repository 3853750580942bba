"""The second step of signing in: verified and recorded in the audit log."""

from __future__ import annotations

from datetime import datetime

from campaigns.accounts import audit, queries
from campaigns.accounts.factor import apps, devices, passkeys, recovery
from campaigns.accounts.factor.challenges import Purpose
from campaigns.accounts.factor.models import RememberedDevice
from campaigns.accounts.models import Operator
from campaigns.audit import services as audit_services

RECOVERY_CODE = "recovery code"


def take(operator: Operator, *, passkey: str, code: str, now: datetime) -> str | None:
    """What passed the step: `passkey`, `app` or `recovery code`; None if it failed. Commit in both cases."""
    method = _method(operator, passkey=passkey, code=code, now=now)
    if method is None:
        audit_services.record("operator.second_step_failed", operator.email, now=now)
    elif method == RECOVERY_CODE:
        left = recovery.left(operator.id)
        audit.record_own("operator.recovery_code_used", operator, now=now, left=left)
    return method


def by_passkey_alone(answer: str, *, now: datetime) -> Operator | None:
    """The operator whose passkey answered, instead of both steps; None if it failed. Commit in both cases."""
    key = passkeys.accepts(answer, Purpose.SIGN_IN, None, now=now)
    who = queries.operator(key.operator_id) if key else None
    if who is None or who.is_disabled:
        audit_services.record("operator.sign_in_failed", now=now, method="passkey")
        return None
    return who


def remember_device(
    operator: Operator, *, ip: str, user_agent: str, now: datetime
) -> tuple[RememberedDevice, str]:
    """Create a remembered device, which skips the step; also returns its secret for the cookie."""
    found = devices.remember(operator, ip=ip, user_agent=user_agent, now=now)
    audit.record_own("operator.device_remembered", operator, now=now)
    return found


def _method(operator: Operator, *, passkey: str, code: str, now: datetime) -> str | None:
    if passkey:
        return "passkey" if passkeys.accepts(passkey, Purpose.SECOND_STEP, operator, now=now) else None
    if apps.looks_like_code(code):
        return "app" if apps.accepts(operator.id, code, now=now) else None
    return RECOVERY_CODE if recovery.use(operator.id, code, now=now) else None
