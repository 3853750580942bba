"""Signing in by address and password, and out again. Takes as long, and says as little, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from campaigns.accounts import audit, passwords, queries, sessions
from campaigns.accounts.models import Operator, OperatorSession
from campaigns.audit import services as audit_services
from campaigns.core import addresses


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says to be this operator; nothing is proven yet."""

    typed: str
    operator_id: int | None = None
    password_hash: str | None = field(default=None, repr=False)


def claim(email: str) -> Claim:
    """Whom that address would be. End the transaction before `prove`, which is slow on purpose."""
    operator = queries.operator_by_email(email)
    if operator is None or operator.is_disabled:
        return Claim(email)
    return Claim(email, operator.id, operator.password_hash)


def prove(claimed: Claim, password: str, *, now: datetime) -> Operator | None:
    """The operator whose password that is; None, and on record, when it is wrong or nobody's.

    It may be the first of two steps.
    """
    is_right = passwords.matches(claimed.password_hash, password)
    if not is_right or claimed.operator_id is None:
        audit_services.record("operator.sign_in_failed", _masked(claimed.typed), now=now)
        return None
    operator = queries.operator(claimed.operator_id)
    if passwords.needs_rehash(operator.password_hash):
        operator.password_hash = passwords.hashed(password)
    return operator


def begin(
    operator: Operator,
    *,
    ip: str,
    user_agent: str,
    now: datetime,
    method: str = "",
    device_id: int | None = None,
) -> str:
    """Begin a session and return its secret. `method` is what was given besides the password, or instead of it."""
    secret = sessions.start(operator, ip=ip, user_agent=user_agent, now=now, device_id=device_id)
    remembered = {"device": "remembered"} if device_id else {}
    how = {"method": method} if method else remembered
    audit.record_own("operator.signed_in", operator, now=now, **how)
    return secret


def end(operator: Operator, secret: str) -> None:
    """Sign out."""
    sessions.end(secret)
    audit_services.record("operator.signed_out", operator.email)


def end_everywhere(operator: Operator) -> None:
    """Sign out on every device."""
    sessions.end_all(operator.id)
    audit_services.record("operator.signed_out_everywhere", operator.email)


def end_others(operator: Operator, secret: str) -> None:
    """Sign out on every device but the one with that session."""
    sessions.end_all(operator.id, but=secret)
    audit_services.record("operator.other_sessions_ended", operator.email)


def end_on_device(session: OperatorSession) -> None:
    """Sign out on one device, and ask it for the second step again."""
    browser = session.browser
    sessions.end_with_device(session)
    audit_services.record("operator.session_ended", browser)


def confirm(operator: Operator, secret: str, *, method: str, now: datetime) -> None:
    """Note that whoever holds the session has shown again who they are."""
    sessions.confirm(secret, now=now)
    audit_services.record("operator.confirmed", operator.email, now=now, method=method)


def refuse_to_confirm(operator: Operator, secret: str, *, now: datetime) -> bool:
    """Note that they could not; whether the session is over with it."""
    audit_services.record("operator.confirmation_failed", operator.email, now=now)
    return sessions.end_if_guessed(secret)


def _masked(typed: str) -> str:
    return addresses.masked(typed[:100]) if "@" in typed else typed[:1] + "…"
