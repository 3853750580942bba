"""Signing in by address and password, and signing out.

Time and answer are the same for unknown accounts and wrong passwords, so neither tells who has an account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from campaigns.accounts import audit, passwords, queries, sessions
from campaigns.accounts.models import Operator, OperatorSession
from campaigns.audit import services as audit_services
from campaigns.core import addresses


@dataclass(frozen=True, slots=True)
class Claim:
    """The account that a sign-in names, before its password is verified; no id for an unknown or disabled one."""

    typed: str
    operator_id: int | None = None
    password_hash: str | None = field(default=None, repr=False)


def claim(email: str) -> Claim:
    """The account for a typed address. End the transaction before `prove`: hashing takes tens of milliseconds."""
    operator = queries.operator_by_email(email)
    if operator is None or operator.is_disabled:
        return Claim(email)
    return Claim(email, operator.id, operator.password_hash)


def prove(claimed: Claim, password: str, *, now: datetime) -> Operator | None:
    """The operator if the password is right; otherwise None, with an audit entry.

    An operator with a second factor is not signed in yet. A hash with outdated parameters is renewed.
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
    """Begin a session and return its secret. `method` names the second factor, or the passkey used alone."""
    secret = sessions.start(operator, ip=ip, user_agent=user_agent, now=now, device_id=device_id)
    remembered = {"device": "remembered"} if device_id else {}
    how = {"method": method} if method else remembered
    audit.record_own("operator.signed_in", operator, now=now, **how)
    return secret


def end(operator: Operator, secret: str) -> None:
    """End the session with this secret."""
    sessions.end(secret)
    audit_services.record("operator.signed_out", operator.email)


def end_everywhere(operator: Operator) -> None:
    """End all sessions of the operator and forget their remembered devices."""
    sessions.end_all(operator.id)
    audit_services.record("operator.signed_out_everywhere", operator.email)


def end_others(operator: Operator, secret: str) -> None:
    """End all sessions of the operator except the one with this secret."""
    sessions.end_all(operator.id, but=secret)
    audit_services.record("operator.other_sessions_ended", operator.email)


def end_on_device(session: OperatorSession) -> None:
    """End one session and forget its remembered device, so that it needs the second step again."""
    browser = session.browser
    sessions.end_with_device(session)
    audit_services.record("operator.session_ended", browser)


def confirm(operator: Operator, secret: str, *, method: str, now: datetime) -> None:
    """Record that the session's owner gave the password or a factor again; `method` says which."""
    sessions.confirm(secret, now=now)
    audit_services.record("operator.confirmed", operator.email, now=now, method=method)


def refuse_to_confirm(operator: Operator, secret: str, *, now: datetime) -> bool:
    """Record a wrong answer; True if it was the last one allowed and ended the session."""
    audit_services.record("operator.confirmation_failed", operator.email, now=now)
    return sessions.end_if_guessed(secret)


def _masked(typed: str) -> str:
    return addresses.masked(typed[:100]) if "@" in typed else typed[:1] + "…"
